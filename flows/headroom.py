"""Headroom: real pairs alone -> whether synthetic ones could help, and whether it could be seen."""

from __future__ import annotations

from prefect import flow

from evaluation.settings import UtilitySection
from evaluation.utility.learning_curve import LearningCurve
from flows.planning.real_pairs import RealPairs
from tasks.learning_curve import real_curves
from tasks.services.mlflow_tracking import Tracker


@flow(name="headroom")
def headroom(context: RealPairs, section: UtilitySection) -> list[LearningCurve]:
    """Trains segmenters on ever more real images, and tests them on the validation split.

    Args:
        context: the real pairs; their test split stays closed.
        section: segmenter, seeds and steps; its numbers of real images are not used.
    """
    settings, digest = context.settings, context.real.digest
    with Tracker.of(settings).run("headroom", digest[:12], "headroom") as record:
        found = real_curves(section, context.reference, settings.models / "segmenters", record)
        for curve in found:
            points = zip(curve.images, curve.dice, strict=True)
            record.curve([(n, {f"{curve.domain}_dice": dice.value}) for n, dice in points])
        record.describe("headroom", "\n\n".join(f"{each.domain}: {each.verdict}" for each in found))
        return found
