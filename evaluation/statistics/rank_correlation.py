"""How far two numbers of the same things rise together, with an interval."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from evaluation.statistics.bootstrap import LEVEL, Estimate

FEWEST = 4  # things without which the interval has no width


def rank_correlation(ours: ArrayLike, theirs: ArrayLike) -> Estimate:
    """Spearman's correlation of (N,) and (N,) numbers; ties share their rank.

    Returns:
        In [-1, 1]; NaN where one of the two is the same everywhere, without bounds below four.

    Source: Bonett & Wright 2000, Psychometrika 65:23, for the interval.
    """
    first, second = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    count = len(first)
    if not count or np.ptp(first) == 0 or np.ptp(second) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), count)
    value = float(stats.spearmanr(first, second).statistic)
    if count < FEWEST:
        return Estimate(value, float("nan"), float("nan"), count)
    # Full agreement has no place on Fisher's scale.
    middle = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * np.sqrt((1 + value**2 / 2) / (count - 3))
    low, high = np.tanh([middle - half, middle + half])
    return Estimate(value, min(float(low), value), max(float(high), value), count)
