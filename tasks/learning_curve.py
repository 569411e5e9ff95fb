"""The learning curve of real data: what more pairs could add, before any generator."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.settings import UtilitySection
from evaluation.utility.learning_curve import LearningCurve, curve_arms, learning_curves
from evaluation.utility.segmentation import SegmentationTask
from tasks.downstream import DownstreamExperiment
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record


@task(task_run_name="headroom", cache_policy=NO_CACHE, persist_result=False)
def real_curves(
    section: UtilitySection, reference: Reference, folder: Path, record: Record
) -> list[LearningCurve]:
    """Trains every size that was not trained before, and reads the curve of each domain."""
    experiment = DownstreamExperiment(section, reference, reference.train, "", folder, record)
    arms = curve_arms(reference.train, section.segmenters[0], section.seeds)
    return learning_curves(experiment.cases(arms)[SegmentationTask.name])
