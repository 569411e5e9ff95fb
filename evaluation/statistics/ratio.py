"""Ratios of means of two independent sets: how much of something synthetic images have beside real."""

from __future__ import annotations

import numpy as np

from evaluation.statistics.bootstrap import Estimate, Floats, Units, percentile, resampled_means


def mean_ratio(above: Floats, below: Floats, units: Units | None, *, seed: int) -> Estimate:
    """Mean of one set over the mean of another.

    Args:
        above: (N,) values of synthetic images, 0 or more.
        below: (M,) values of real images, 0 or more.
        units: (M,) patient of each real image.
        seed: of the bootstrap, which resamples synthetic images and real patients.

    Returns:
        A ratio, 0 or more, with n = N; NaN where either set is empty or the real mean is 0.
    """
    if not len(above) or not len(below) or not below.mean() > 0:
        return Estimate(float("nan"), float("nan"), float("nan"), len(above))
    value = above.mean() / below.mean()
    if len(above) < 2 or len(below if units is None else np.unique(units)) < 2:
        return Estimate(float(value), float("nan"), float("nan"), len(above))
    upper = resampled_means(above, seed=seed)[:, 0]
    lower = resampled_means(below, units, seed=seed + 1)[:, 0]
    return percentile(upper[lower > 0] / lower[lower > 0], value, len(above))
