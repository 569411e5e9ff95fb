"""Does the mask volume fit the image volume? A judge of whole volumes answers, beside its controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.agreement.judge_agreement import closed_gap, derangement
from evaluation.dice import overlaps, positive_dice
from evaluation.pairs import Masks, Pairs, with_masks
from evaluation.statistics.bootstrap import Estimate, bca_mean
from evaluation.volumes.stacks import Stack, stacks_of

Floats = NDArray[np.float64]


class VolumeJudge(Protocol):
    """A model trained on real volumes of one domain."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    def segment(self, stack: Stack) -> Masks:
        """(K, H, W) class indices for one volume."""


@dataclass(frozen=True)
class VolumeConsistency:
    """The judge's verdict on volumes of one domain, as `judge_agreement.Consistency` is on pairs.

    Attributes:
        volumes: Dice of judge and mask, mean over synthetic volumes that show a class.
        real: the same on real held-out volumes.
        shuffled: the same synthetic images, each with the masks of another volume.
        closed: (volumes - shuffled) / (real - shuffled).
    """

    volumes: Estimate
    real: Estimate
    shuffled: Estimate
    closed: Estimate


def volume_consistency(
    synthetic: Pairs, held_out: Pairs, judge: VolumeJudge, *, seed: int
) -> VolumeConsistency:
    """Asks the judge once for every volume, then reads the scores from its answers.

    Masks of a volume with another number of slices are taken at the same relative heights.

    Args:
        synthetic: slices of volumes of one domain.
        held_out: slices of real volumes, unknown to the judge and to the generator.
        judge: trained on real training volumes.
        seed: of the shuffling and of the bootstrap.
    """
    ours = [stack for stack in stacks_of(with_masks(synthetic)) if stack.masks.any()]
    real = [stack for stack in stacks_of(with_masks(held_out)) if stack.masks.any()]
    answers = [judge.segment(stack) for stack in ours]
    own = volume_dice(answers, [stack.masks for stack in ours], judge.classes)
    units, real_units = (np.array([stack.unit for stack in part], np.intp) for part in (ours, real))
    others = [ours[at].masks for at in derangement(units, seed)]
    stretched = [of_slices(masks, len(stack)) for masks, stack in zip(others, ours, strict=True)]
    shuffled = volume_dice(answers, stretched, judge.classes)
    theirs = [judge.segment(stack) for stack in real]
    reached = volume_dice(theirs, [stack.masks for stack in real], judge.classes)
    return VolumeConsistency(
        bca_mean(own, units, seed=seed),
        bca_mean(reached, real_units, seed=seed),
        bca_mean(shuffled, units, seed=seed),
        closed_gap(np.stack([own, shuffled], axis=1), reached, units, real_units, seed=seed),
    )


def volume_dice(answers: Sequence[Masks], masks: Sequence[Masks], classes: Sequence[str]) -> Floats:
    """(N,) Dice of each answer with its mask volume (K, H, W), mean over the classes that it shows.

    NaN where the mask is empty.
    """
    found = [
        positive_dice(overlaps(*_as_one_image(answer, mask), len(classes)))[0]
        for answer, mask in zip(answers, masks, strict=True)
    ]
    return np.array(found, float)


def of_slices(masks: Masks, count: int) -> Masks:
    """A mask volume (K, H, W) at so many relative heights, by the nearest slice."""
    at = ((np.arange(count) + 0.5) * len(masks) / count).astype(int)
    return masks[at]


def _as_one_image(answer: Masks, mask: Masks) -> tuple[Masks, Masks]:
    return answer.reshape(1, len(answer), -1), mask.reshape(1, len(mask), -1)
