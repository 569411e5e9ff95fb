"""What the pairs are worth: every arm trained and tried, and the tables recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.utility.arms import Arm
from evaluation.utility.segmentation import Utility
from tasks.downstream import DownstreamExperiment


@dataclass(frozen=True, eq=False)
class Cases:
    """What networks made of the images they were tried on, a row each; see `Utility.of`.

    Attributes:
        drawing: of segmenters.
        telling: of classifiers.
    """

    drawing: pd.DataFrame
    telling: pd.DataFrame

    @staticmethod
    def pooled(parts: Sequence[Cases]) -> Cases:
        """The cases of several trials as one, as of folds: each numbered its own from 0."""
        return Cases(_apart([p.drawing for p in parts]), _apart([p.telling for p in parts]))

    @property
    def utility(self) -> Utility:
        """What all of them come to."""
        return Utility.of(self.drawing, self.telling)


@task(task_run_name="utility", cache_policy=NO_CACHE, persist_result=False)
def try_pairs(experiment: DownstreamExperiment, asked: Sequence[Arm]) -> Cases:
    """Trains every arm that was not trained before, and tries all of them."""
    tried: dict[bool, list[pd.DataFrame]] = {False: [], True: []}
    for arm in asked:
        tried[arm.classifies].append(experiment.try_arm(arm))
    return Cases(_table(tried[False]), _table(tried[True]))


@task(task_run_name="record-utility", cache_policy=NO_CACHE, persist_result=False)
def record_utility(lake: Lake, about: ScoreKey, scores: Sequence[Score]) -> None:
    """Writes gains and equivalent_images of a version to the lake."""
    lake.record(about, scores)


def _apart(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table in which no image or patient of one part is taken for one of another."""
    shifted, start = [], 0
    for part in (part for part in parts if not part.empty):
        moved = {name: part[name] + start for name in ("case", "unit")}
        shifted.append(part.assign(**moved))
        start = 1 + max(int(numbers.max()) for numbers in moved.values())
    return _table(shifted)


def _table(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
