"""What the pairs are worth: every arm trained and tested, and the scores recorded."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.utility.arms import Arm
from evaluation.utility.result import Cases
from tasks.downstream import DownstreamExperiment


@task(task_run_name="utility", cache_policy=NO_CACHE, persist_result=False)
def measure_arms(experiment: DownstreamExperiment, arms: Sequence[Arm]) -> Cases:
    """Trains every arm that was not trained before, and tests all of them."""
    return experiment.cases(arms)


@task(task_run_name="record-utility", cache_policy=NO_CACHE, persist_result=False)
def record_utility(lake: Lake, about: ScoreKey, scores: Sequence[Score]) -> None:
    """Writes gains and equivalent images of a version to the lake."""
    lake.record(about, scores)
