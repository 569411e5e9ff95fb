"""Headroom: real pairs alone -> whether synthetic ones could help, and whether it could be seen."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from evaluation.settings import UtilitySection
from evaluation.utility.learning_curve import LearningCurve
from factory.images import ImageSection
from factory.sources import SourceSection
from tasks.learning_curve import real_curves
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Tracker
from tasks.services.settings import load_settings


@flow(name="headroom")
def headroom(
    source: SourceSection, image: ImageSection, section: UtilitySection, home: Path | None = None
) -> list[LearningCurve]:
    """Trains segmenters on ever more real images, and tests them on the validation split.

    Args:
        source: the real pairs; their test split stays closed.
        image: size and channels they are brought to.
        section: segmenter, seeds and steps; its numbers of real images are not used.
        home: of the segmenters and the record.
    """
    settings = load_settings(home)
    built = source.build()
    reference = Reference.of(built, image)
    with Tracker.of(settings).run("headroom", built.digest[:12], "headroom") as record:
        return real_curves(section, reference, settings.models / "segmenters", record)
