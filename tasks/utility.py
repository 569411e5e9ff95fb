"""What the pairs are worth: every arm trained and tested, and the scores recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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


def keep_cases(cases: Cases, folder: Path, name: str) -> dict[str, Path]:
    """Writes every tested case of every arm as CSV, for statistics of the reader's own.

    Args:
        cases: name of a task -> a row per tested case of all its arms.
        folder: of the reports, made where it is missing.
        name: that the files begin with.

    Returns:
        Name of each task that has cases -> its file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = {key: rows for key, rows in cases.items() if len(rows)}
    files = {key: folder / f"{name}-{key}-cases.csv" for key in told}
    for key, file in files.items():
        told[key].to_csv(file, index=False)
    return files


@task(task_run_name="record-utility", cache_policy=NO_CACHE, persist_result=False)
def record_utility(lake: Lake, about: ScoreKey, scores: Sequence[Score]) -> None:
    """Writes gains and equivalent images of a version to the lake."""
    lake.record(about, scores)
