"""Ratios of means of two independent sets: how much of something synthetic images have beside real."""

from __future__ import annotations

import numpy as np

from evaluation.statistics.bootstrap import Estimate, Floats, Units, percentile, resampled_means


def mean_ratio(
    above: Floats,
    below: Floats,
    above_units: Units | None = None,
    below_units: Units | None = None,
    *,
    seed: int,
) -> Estimate:
    """Mean of one set over the mean of another.

    Args:
        above: (N,) values of some images, 0 or more.
        below: (M,) values of real images, 0 or more.
        above_units: (N,) unit (patient, volume) of each of the first; None: each is its own.
        below_units: (M,) likewise of the second.
        seed: of the bootstrap, which resamples the units of both.

    Returns:
        A ratio, 0 or more, with n = N; NaN where either set is empty or the real mean is 0.
    """
    if not len(above) or not len(below) or not below.mean() > 0:
        return Estimate(float("nan"), float("nan"), float("nan"), len(above))
    value = above.mean() / below.mean()
    sides = (above, above_units), (below, below_units)
    if min(len(part if units is None else np.unique(units)) for part, units in sides) < 2:
        return Estimate(float(value), float("nan"), float("nan"), len(above))
    upper = resampled_means(above, above_units, seed=seed)[:, 0]
    lower = resampled_means(below, below_units, seed=seed + 1)[:, 0]
    return percentile(upper[lower > 0] / lower[lower > 0], value, len(above))
