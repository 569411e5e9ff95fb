"""Are stacks of slices volumes? Neighbours against real neighbours, and structures in ml."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from evaluation.metrics.context import Floats, ScoringContext
from evaluation.metrics.metric import Family, Metric, Need, Reading
from evaluation.pairs import Pairs, with_masks
from evaluation.volumes.stacks import Stack, stacks_of
from evaluation.volumes.through_plane import (
    in_range,
    millilitres,
    neighbour_correlations,
    neighbour_dice,
    share,
)

VOLUMES_ALONE = frozenset({Need.VOLUMES})
NEEDS = VOLUMES_ALONE | {Need.MASKS, Need.JUDGE}
_SAME = "The same of real held-out volumes."


def _metric(description: str, needs: frozenset[Need], beside: str = "") -> Metric:
    section = "fidelity" if beside else ""
    return Metric(
        "share",
        True if beside else None,
        1,
        description,
        (beside,) if beside else (),
        needs,
        section,
    )


_METRICS = {
    "through_plane_image": _metric(
        "Share of slices whose image correlates with the next as real neighbours do, within their "
        "2.5 to 97.5 percentiles; only of volumes.",
        VOLUMES_ALONE,
        "through_plane_image_real",
    ),
    "through_plane_image_real": _metric(_SAME, VOLUMES_ALONE),
    "through_plane_mask": _metric(
        "Share of slices whose mask overlaps the next (Dice) as real neighbours do, within their "
        "2.5 to 97.5 percentiles; only of volumes.",
        NEEDS,
        "through_plane_mask_real",
    ),
    "through_plane_mask_real": _metric(_SAME, NEEDS),
    "structure_volume": _metric(
        "Share of structures whose volume in ml lies within the 2.5 to 97.5 percentiles of the "
        "same structure of real ones; only of volumes whose spacing is known.",
        NEEDS,
        "structure_volume_real",
    ),
    "structure_volume_real": _metric(_SAME, NEEDS),
}


def measure_volumes(context: ScoringContext) -> Iterator[Reading]:
    """Every score of the volumes of a domain; of images alone where there is no judge."""
    sets = context.synthetic, context.train, context.held_out
    yield from _shares("through_plane_image", [neighbour_correlations], sets, context.seed)
    if context.judge is None:
        return
    classes, masked = len(context.classes), [with_masks(pairs) for pairs in sets]
    dice = partial(neighbour_dice, classes=classes)
    yield from _shares("through_plane_mask", [dice], masked, context.seed)
    # Each structure against its own range, then all of them together.
    volumes = [partial(_volume, index=index, classes=classes) for index in range(classes)]
    yield from _shares("structure_volume", volumes, masked, context.seed)


def _volume(stack: Stack, index: int, classes: int) -> Floats:
    return millilitres(stack, classes)[index : index + 1]


def _shares(
    name: str,
    reads: Sequence[Callable[[Stack], Floats]],
    sets: Sequence[Pairs],
    seed: int,
) -> Iterator[Reading]:
    """How many of the numbers of each volume lie in the range of the training volumes' own."""
    ours, train, held_out = map(stacks_of, sets)
    if not train:
        return
    real = [np.concatenate([read(stack) for stack in train]) for read in reads]
    for suffix, stacks in (("", ours), ("_real", held_out)):
        pairs = zip(reads, real, strict=True)
        flags = [in_range(read(stack), own) for read, own in pairs for stack in stacks]
        estimate = share(flags, stacks * len(reads), seed=seed)
        if estimate.known:
            yield Reading(f"{name}{suffix}", estimate, {"seed": seed})


VOLUMES = Family(_METRICS, measure_volumes)
