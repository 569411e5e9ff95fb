"""Which real images a generator was trained on, from the view of an arm that has k of them.

A gain says little where the generator knew more real images than the arm that its pairs are held
against: the pairs then carry those images over. Every row therefore states it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Provenance = Literal["strict", "adapted", "transfer", "full", "phantom", "unknown"]

MEANING: Mapping[Provenance, str] = {
    "strict": "the arm's own real images and no other",
    "adapted": "trained on other data sets, then on the arm's own real images and no other",
    "transfer": "other data sets only",
    "full": "more real images of this data set than the arm, as a rule its whole training split, or "
    "other ones, as of one part of a union",
    "phantom": "no patient's image: drawn by a renderer, or trained on what one drew",
    "unknown": "nobody recorded it; perhaps even the images that the segmenters are tested on",
}


@dataclass(frozen=True)
class TrainingExposure:
    """What a generator was trained on.

    Attributes:
        own: of the training images of the data set that segmenters are tested on: none, a limited
            number, the whole training split, or those of one part where it is a union.
        images: how many those are, in all domains; of a part, at most.
        others: whether it also saw other data sets.
        known: whether all of this is recorded.
    """

    own: Literal["none", "limited", "part", "whole"] = "none"
    images: int = 0
    others: bool = False
    known: bool = True

    @property
    def held_to_few(self) -> bool:
        """Whether rows can claim that nothing but k real images was used, validation included."""
        return self.known and self.own == "limited"

    @property
    def may_hold_patients(self) -> bool:
        """Whether training patients of the data set are known to the generator."""
        return self.known and self.own != "none"


NO_EXPOSURE = TrainingExposure()


def provenance(exposure: TrainingExposure, images: int | None) -> Provenance:
    """What the generator was trained on, for an arm.

    Args:
        exposure: of the generator.
        images: real images of the arm; None for one that uses synthetic pairs alone, which then
            are all the real images that went into it.
    """
    if not exposure.known:
        return "unknown"
    if exposure.own == "none":
        return "transfer" if exposure.others else "phantom"
    # Which of the arm's images lie in a part is not recorded: nothing better can be claimed.
    if exposure.own in ("part", "whole") or images not in (None, exposure.images):
        return "full"
    return "adapted" if exposure.others else "strict"
