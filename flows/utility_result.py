"""What pairs are worth to downstream models, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from evaluation.metrics.registry import Score

if TYPE_CHECKING:
    from evaluation.utility.result import Utility

Lines = list[dict[str, object]]


@dataclass(frozen=True)
class UtilityResult:
    """What the pairs of a version are worth: the tables of segmenters, of classifiers, and scores.

    Attributes:
        version: a version, or a recipe that was tested in folds.
        split: which real images the models were tested on.
        against: the source whose split it is; "" for the recipe's own.
        folds: how many there were, each with a generator of its own; None for one held-out split.
        levels: how well each kind of training does; of segmenters, as are the next two.
        gains: what synthetic pairs add.
        equivalent_images: how many real images they equal.
        classes: the same tables of classifiers, by name: levels, gains, equivalent_images.
        unseen: seen and unseen classes apart; no rows where `utility.unseen` names none.
        scores: of all.
        file: where all this is kept as JSON; None where the lake and the report hold it.
    """

    version: str
    split: str
    against: str
    folds: int | None
    levels: Lines
    gains: Lines
    equivalent_images: Lines
    classes: dict[str, Lines]
    unseen: Lines
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
    ) -> UtilityResult:
        """The tables of all arms, row by row."""
        masks, findings = (
            {name: _lines(getattr(task, name)) for name in ("levels", "gains", "equivalent_images")}
            for task in (found.segmentation, found.classification)
        )
        return UtilityResult(
            version=version,
            split=split,
            against=against,
            folds=folds,
            **masks,
            classes=findings,
            unseen=_lines(found.segmentation.unseen),
            scores=list(found.scores),
            file=file,
        )


def _lines(table: pd.DataFrame) -> Lines:
    """A mapping per row; names that travel as tuples become one text."""
    return [
        {
            str(key): ", ".join(value) if isinstance(value, tuple) else value
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]
