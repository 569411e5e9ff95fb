"""The scores of one domain, family by family, and a row for each of its pairs.

A score whose needs are not met is absent: an absent score fails its gate, and is never mistaken
for a bad one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Need
from evaluation.metrics.registry import FAMILIES, Score
from evaluation.volumes.stacks import in_volumes


def score_domain(context: ScoringContext) -> Iterator[Score]:
    """All scores of one domain that can be measured.

    Those of single classes are marked by the parameter `class`, those of single findings by
    `facet`.
    """
    there = met(context)
    for family in FAMILIES.values():
        if family.measure is not None and family.needs <= there:
            for reading in family.measure(context):
                yield Score.of(reading.metric, reading.estimate, **reading.parameters)


def met(context: ScoringContext) -> frozenset[Need]:
    """The needs that a domain meets."""
    there = {
        Need.MASKS: context.masked,
        Need.JUDGE: context.judge is not None,
        Need.TSTR_SEGMENTER: context.tstr_segmenter is not None,
        Need.FINDING_CLASSIFIER: context.finding_classifier is not None,
        Need.REJECTED: context.rejected is not None,
        Need.VOLUMES: bool(in_volumes(context.synthetic).any() and in_volumes(context.train).any()),
    }
    return frozenset(need for need, holds in there.items() if holds) | set(
        map(Need, context.features)
    )


def pair_numbers_of(context: ScoringContext) -> pd.DataFrame:
    """A row for each of the N synthetic pairs.

    Columns dice (judge against mask, NaN where the mask is empty or absent), plausible,
    upper_power, nearest (row of the nearest image in `train`), nearest_distance, copied.
    """
    unknown, found = np.full(len(context.synthetic), np.nan), context.nearest
    return pd.DataFrame(
        {
            "dice": context.agreement.dice if context.masked else unknown,
            "plausible": context.plausible if context.masked else unknown,
            "upper_power": context.upper_power,
            "nearest": found.nearest,
            "nearest_distance": found.distance,
            "copied": found.copied,
        }
    )
