"""Does the mask fit the image? The judge's Dice between its controls, and what twins of it learn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Need, Reading
from evaluation.pairs import Block, take
from evaluation.statistics.bootstrap import bca_mean

NEEDS = frozenset({Need.MASKS, Need.JUDGE})
SECTION = "consistency"

_AGREEMENT = {
    "consistency": Metric(
        "Dice",
        True,
        2,
        "Dice between mask and judge over synthetic pairs whose mask is not empty.",
        (
            "consistency_real",
            "consistency_shuffled",
            "consistency_constant",
            "consistency_before_filtering",
        ),
        NEEDS,
        SECTION,
    ),
    "consistency_real": Metric(
        "Dice", None, 1, "The judge's Dice on real held-out pairs.", needs=NEEDS
    ),
    "consistency_shuffled": Metric(
        "Dice", None, 2, "The same synthetic images with the masks of other pairs.", needs=NEEDS
    ),
    "consistency_constant": Metric(
        "Dice",
        None,
        2,
        "The same synthetic images, all with the mean mask of real pairs.",
        needs=NEEDS,
    ),
    "consistency_closed": Metric(
        "1",
        True,
        2,
        "(pairs - shuffled) / (real held-out - shuffled): how much of the way from chance to real "
        "the pairs have gone.",
        needs=NEEDS,
        section=SECTION,
    ),
    "consistency_over_constant": Metric(
        "Dice",
        True,
        2,
        "Consistency above that of one constant mean mask.",
        needs=NEEDS,
        section=SECTION,
    ),
    "consistency_nsd": Metric(
        "1",
        True,
        1,
        "Surface Dice between mask and judge over the classes a mask shows: share of both "
        "contours within the tolerance of the other; only where the spacing is known.",
        ("consistency_nsd_real",),
        NEEDS,
        SECTION,
    ),
    "consistency_nsd_real": Metric("1", None, 1, "The same on real held-out pairs.", needs=NEEDS),
    "consistency_hd95": Metric(
        "mm",
        False,
        1,
        "95th percentile of the distance between the contours of mask and judge, a class that "
        "the judge misses counting with the image's diagonal; only where the spacing is known.",
        ("consistency_hd95_real",),
        NEEDS,
        SECTION,
    ),
    "consistency_hd95_real": Metric("mm", None, 1, "The same on real held-out pairs.", needs=NEEDS),
}

_TSTR = {
    "tstr_dice": Metric(
        "Dice",
        True,
        1,
        "Dice on real held-out pairs of a segmenter trained on the synthetic pairs as the judge was "
        "on real ones.",
        ("consistency_real",),
        frozenset({Need.MASKS, Need.TSTR_SEGMENTER}),
        SECTION,
    ),
}

_BEFORE_FILTERING = {
    "consistency_before_filtering": Metric(
        "Dice",
        None,
        2,
        "The same over all pairs that were made; only where any was rejected.",
        needs=NEEDS | {Need.REJECTED},
    ),
}


def _agreement(context: ScoringContext) -> Iterator[Reading]:
    agreed, seed = context.agreement, {"seed": context.seed}
    yield Reading("consistency", agreed.pairs, seed)
    yield Reading("consistency_real", agreed.real, seed)
    yield Reading("consistency_shuffled", agreed.shuffled, seed)
    yield Reading("consistency_constant", agreed.constant, seed)
    yield Reading("consistency_closed", agreed.closed, seed)
    yield Reading("consistency_over_constant", agreed.over_constant, seed)
    tolerance = {"tolerance_mm": context.section.tolerance_mm, **seed}
    for suffix, surface in (("", agreed.surface), ("_real", agreed.surface_real)):
        yield Reading(f"consistency_nsd{suffix}", surface.nsd, tolerance)
        yield Reading(f"consistency_hd95{suffix}", surface.hd95, seed)
    yield from _by_class(context)


def _by_class(context: ScoringContext) -> Iterator[Reading]:
    """The judge's Dice for each class where masks show it."""
    agreed = context.agreement
    judged = np.isfinite(agreed.dice)
    for index, name in enumerate(context.classes):
        shown = judged & agreed.found.positive[:, index]
        estimate = bca_mean(
            agreed.found.dice[shown, index], context.units[shown], seed=context.seed
        )
        yield Reading("consistency", estimate, {"seed": context.seed, "class": name})


def _tstr(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.agreement.judge_agreement import judged

    if context.tstr_segmenter is not None:
        dice, units = judged(context.held_out, context.tstr_segmenter)
        yield Reading("tstr_dice", bca_mean(dice, units, seed=context.seed), {"seed": context.seed})


def _before_filtering(context: ScoringContext) -> Iterator[Reading]:
    """A gate on single pairs can only lift the mean: beside that of all, one sees by how much."""
    from evaluation.agreement.judge_agreement import judged

    if context.judge is not None and context.rejected is not None:
        known = np.isfinite(context.agreement.dice)
        kept, units = context.agreement.dice[known], context.units[known]
        others = _judgeable(context.rejected, len(context.classes))
        if len(others):
            dice, own = judged(others, context.judge)
            # A volume is accepted or rejected as a whole.
            kept, units = np.append(kept, dice), np.append(units, own + len(context.units))
        estimate = bca_mean(kept, units, seed=context.seed)
        yield Reading("consistency_before_filtering", estimate, {"seed": context.seed})


def _judgeable(pairs: Block, classes: int) -> Block:
    """Those whose mask is there, not empty, and shows no class that nobody knows."""
    known = np.asarray(pairs.masks.max((1, 2), initial=0) <= classes)
    return take(pairs, known & np.asarray(pairs.has_mask, bool) & pairs.masks.any((1, 2)))


JUDGE_AGREEMENT = Family(_AGREEMENT, _agreement)
TSTR = Family(_TSTR, _tstr)
BEFORE_FILTERING = Family(_BEFORE_FILTERING, _before_filtering)
