"""What rejecting pairs changed: consistency over all pairs that were made, rejected ones included.

A gate on single pairs can only lift the mean; beside the mean of all, one sees by how much, and
the diversity of those that are left tells what it cost.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.agreement.judge_agreement import Judge, judged
from evaluation.metrics.registry import Score
from evaluation.pairs import Block, Pairs, domain_of, take
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import bca_mean


def unfiltered_scores(
    accepted: pd.DataFrame,
    rejected: Pairs,
    judges: Mapping[str, Judge],
    section: EvaluateSection,
) -> list[Score]:
    """`consistency_unfiltered` of each domain that has accepted pairs; none if none was rejected.

    Args:
        accepted: columns domain and dice, a row for each accepted pair.
        rejected: the pairs that were made and rejected; those whose mask is absent, empty, or
            shows a class that nobody knows do not count.
        judges: of each domain.
        section: of the recipe.
    """
    if not len(rejected):
        return []
    scores = []
    for domain, rows in accepted.groupby("domain", sort=True):
        others = _judgeable(rejected, str(domain), len(judges[str(domain)].classes))
        dice = rows["dice"].to_numpy(float)
        seen = judged(others, judges[str(domain)])[0] if len(others) else np.empty(0)
        both = np.concatenate([dice[np.isfinite(dice)], seen])
        estimate = bca_mean(both, seed=section.seed)
        score = Score.of("consistency_unfiltered", estimate, seed=section.seed, domain=str(domain))
        scores.append(score)
    return scores


def _judgeable(pairs: Pairs, domain: str, classes: int) -> Block:
    known: NDArray[np.bool_] = pairs.masks.max((1, 2), initial=0) <= classes
    shown = np.asarray(pairs.has_mask, bool) & pairs.masks.any((1, 2))
    return take(pairs, (domain_of(pairs) == domain) & known & shown)
