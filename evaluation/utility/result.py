"""What the pairs are worth: the tables of every downstream task, and the scores they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from evaluation.metrics.registry import Score

Cases = Mapping[str, pd.DataFrame]  # name of a task -> a row per tested case of all its arms


@dataclass(frozen=True, eq=False)
class TaskUtility:
    """What all arms of one task came to; empty tables where it has none.

    Attributes:
        levels: how well each kind of training does: a row per network, domain, kind, ratio and
            real, with provenance, weights, images (of the arm) and what the task measures.
        gains: what each arm adds to others, see `gains.gain_rows`, with p_holm.
        equivalent_images: see `equivalent_images.equivalent_image_rows`.
        unseen: seen and unseen classes apart, see `unseen_classes.unseen_levels`; empty where no
            class is unseen.
        scores: gains and equivalent images; of unseen classes, where there are such, theirs alone.
    """

    levels: pd.DataFrame = field(default_factory=pd.DataFrame)
    gains: pd.DataFrame = field(default_factory=pd.DataFrame)
    equivalent_images: pd.DataFrame = field(default_factory=pd.DataFrame)
    unseen: pd.DataFrame = field(default_factory=pd.DataFrame)
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, eq=False)
class Utility:
    """What all arms came to.

    Attributes:
        by_task: name of a task -> what its arms came to.
        files: name of a task -> where its cases are kept, of those that have any.
    """

    by_task: Mapping[str, TaskUtility]
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def segmentation(self) -> TaskUtility:
        """What the arms of segmenters came to."""
        return self.by_task.get("segmentation", TaskUtility())

    @property
    def classification(self) -> TaskUtility:
        """What the arms of classifiers came to."""
        return self.by_task.get("classification", TaskUtility())

    @property
    def scores(self) -> tuple[Score, ...]:
        """Those of all tasks."""
        return tuple(score for each in self.by_task.values() for score in each.scores)


def pooled(parts: Sequence[Cases]) -> dict[str, pd.DataFrame]:
    """The cases of several experiments as one, as of folds: each numbered its own from 0."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _apart([part[name] for part in parts if name in part]) for name in names}


def _apart(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table in which no image or patient of one part is taken for one of another."""
    shifted, start = [], 0
    for part in parts:
        moved = {name: part[name] + start for name in ("case", "unit")}
        shifted.append(part.assign(**moved))
        start = 1 + max(int(numbers.max()) for numbers in moved.values())
    return pd.concat(shifted, ignore_index=True)
