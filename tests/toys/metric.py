"""A metric as anybody adds one: this file, a line in `FAMILIES`, a row in docs/scores.md."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.statistics.bootstrap import bca_mean

METRIC = Metric("1", None, 1, "Mean grey level of the synthetic images.", section="fidelity")


def measure(context: ScoringContext) -> Iterator[Reading]:
    """The mean over images, in [0, 255], with its interval."""
    levels = context.synthetic.images.mean((1, 2, 3))
    estimate = bca_mean(levels, context.units, seed=context.seed)
    yield Reading("grey_level", estimate, {"seed": context.seed})


GREY_LEVEL = Family({"grey_level": METRIC}, measure)
