"""What pairs are worth to downstream models, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.metrics.registry import Score
from flows.datasets import rows

if TYPE_CHECKING:
    from evaluation.utility.segmentation import Utility


@dataclass(frozen=True)
class Worth:
    """What the pairs of a version are worth to segmenters: Dice, gains, in real images.

    Attributes:
        version: a version, or a recipe that was tried in folds.
        split: which real images the models were tried on.
        against: the source whose split it is; "" for the recipe's own.
        folds: how many there were, each with a generator of its own; None for one held-out split.
        classes: the same tables of classifiers, by name: levels, gains, equivalent_images.
        unseen: seen and unseen classes apart; no rows where `utility.unseen` names none.
        file: where all this is kept as JSON; None where the lake and the report hold it.
    """

    version: str
    split: str
    against: str
    folds: int | None
    levels: list[dict[str, object]]
    gains: list[dict[str, object]]
    equivalent_images: list[dict[str, object]]
    classes: dict[str, list[dict[str, object]]]
    unseen: list[dict[str, object]]
    scores: list[Score]
    file: Path | None = None

    @staticmethod
    def of(
        version: str,
        found: Utility,
        split: str,
        against: str = "",
        folds: int | None = None,
        file: Path | None = None,
    ) -> Worth:
        """The tables of a trial, row by row."""
        classes = found.classes
        return Worth(
            version,
            split,
            against,
            folds,
            rows(found.levels),
            rows(found.gains),
            rows(found.equivalent_images),
            {
                "levels": rows(classes.levels),
                "gains": rows(classes.gains),
                "equivalent_images": rows(classes.equivalent_images),
            },
            rows(found.unseen),
            list(found.scores),
            file,
        )
