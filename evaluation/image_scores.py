"""The scores of one domain whose synthetic images come without masks.

Scores that need a mask are absent: an absent score fails its gate, and is never mistaken for a bad
one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.features.handcrafted import Handcrafted
from evaluation.features.spectrum import upper_power
from evaluation.fidelity.scores import IMAGE_GROUPS, group_scores, image_trios
from evaluation.metrics.registry import METRICS, Score
from evaluation.pairs import Block
from evaluation.privacy.memorisation import NearestNeighbourDistances
from evaluation.scoring.domain import (
    alarm_score,
    diversity_scores,
    privacy_scores,
    sharpness_scores,
)
from evaluation.settings import EvaluateSection

_OF_MASKS = ("consistency", "plausible", "asked_", "unasked_")
_OF_PAIRS = ("frechet_", "kernel_", "shift_", "fid")
_AT_EQUAL_N = ("precision", "recall", "density", "coverage", "vendi")


def needs_mask(metric: str) -> bool:
    """Whether a score is absent where the synthetic images have no masks."""
    if metric.startswith(_OF_PAIRS):
        return not any(f"_{group}" in metric for group in IMAGE_GROUPS)
    if metric.startswith("utility_"):
        return not metric.startswith("utility_auroc")
    return metric in METRICS and metric.startswith((*_OF_MASKS, *_AT_EQUAL_N))


def score_images(
    synthetic: Block, train: Block, held_out: Block, section: EvaluateSection
) -> tuple[list[Score], pd.DataFrame]:
    """What can be said of images of one domain alone, and a row per image.

    Returns:
        Scores, and a table with the columns of `domain_scores.score_domain`; dice and plausible
        are NaN.
    """
    found = NearestNeighbourDistances.of(synthetic, train, held_out)
    power = upper_power(synthetic.images)
    fidelity = distances_of_images(synthetic, train, held_out, section)
    privacy = privacy_scores(found, section)
    scores = [
        *fidelity,
        *sharpness_scores(power, train, held_out, section),
        *diversity_scores(synthetic, train, section),
        *privacy,
        alarm_score([*fidelity, *privacy]),
    ]
    unknown = np.full(len(synthetic), np.nan)
    table = {
        "dice": unknown,
        "plausible": unknown,
        "upper_power": power,
        "nearest": found.nearest,
        "nearest_distance": found.distance,
        "copied": found.copied,
    }
    return scores, pd.DataFrame(table)


def distances_of_images(
    synthetic: Block, train: Block, held_out: Block, section: EvaluateSection
) -> list[Score]:
    """Fréchet and kernel distances over the groups of features that no mask enters."""
    trios = image_trios(synthetic, train, held_out)
    return list(group_scores(Handcrafted(("structure",)), trios, section))
