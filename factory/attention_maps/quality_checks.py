"""Why a mask made from attention should not be believed: stated priors, and the steps' agreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from factory.attention_maps.regions import pieces
from factory.attention_maps.settings import Step, StructureSection
from factory.masks import dice

Mask = NDArray[np.uint8]  # (H, W) class indices


def absences(mask: Mask, classes: Mapping[str, int]) -> Iterator[str]:
    """Every class that was asked for and has no pixel."""
    for name, index in classes.items():
        if not (mask == index).any():
            yield f"{name} has no pixel"


def prior_violations(
    mask: Mask, classes: Mapping[str, int], priors: Mapping[str, StructureSection]
) -> Iterator[str]:
    """Every class whose area or number of pieces is not what is known of it beforehand."""
    for name, index in classes.items():
        region, prior = mask == index, priors[name]
        share, (least, most) = float(region.mean()), prior.area
        if region.any() and not least <= share <= most:
            yield f"{name} covers {share:.1%} of the image, expected {least:.1%} to {most:.1%}"
        if (count := len(pieces(region))) > prior.components:
            yield f"{name} is in {count} pieces, expected at most {prior.components}"


def disagreements(
    masks: Mapping[Step, Mask], classes: Mapping[str, int], least: float
) -> Iterator[str]:
    """Every class on which the last step's mask and an earlier one's agree too little.

    Args:
        masks: step -> mask, in the order taken.
        classes: class name -> index.
        least: Dice from which they agree.
    """
    *earlier, last = masks
    for step in earlier:
        for name, index in classes.items():
            overlap = dice(masks[step] == index, masks[last] == index)
            if overlap < least and (masks[last] == index).any():
                yield f"{name}: {step} and {last} agree by Dice {overlap:.2f}, less than {least:.2f}"
