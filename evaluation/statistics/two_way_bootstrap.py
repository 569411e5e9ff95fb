"""Means over patients and repeats at once: both are samples, so both are resampled.

The repeats are training seeds, each with its own subset of the training images: they are as much a
sample as the patients are. With few of them the intervals are still somewhat narrow. A single
repeat cannot be resampled: intervals then speak of patients only.

Source: Owen 2007, Annals of Applied Statistics 1:386 (pigeonhole bootstrap).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.statistics.bootstrap import NOTHING, RESAMPLES, Estimate, percentile

Floats = NDArray[np.float64]
Units = NDArray[np.intp]


def crossed_mean(values: ArrayLike, units: Units, *, seed: int = 0) -> Estimate:
    """Mean of (N, S) values of N cases under S repeats, with a 95 % interval; n = N.

    No cases give NaN with n = 0; cases of a single unit give a value without bounds.

    Raises:
        ValueError: if a value is not finite.
    """
    table = np.asarray(values, np.float64)
    if not len(table):
        return NOTHING
    value = float(_finite(table).mean())
    if len(np.unique(units)) < 2:
        return Estimate(value, float("nan"), float("nan"), len(table))
    draws = crossed_draws(table[:, :, None], units, seed=seed)
    return percentile(draws[:, 0], value, len(table))


def crossed_draws(values: Floats, units: Units, *, seed: int = 0) -> Floats:
    """Bootstrap distribution of the means of K columns that are resampled together.

    Args:
        values: (N, S, K) of N cases under S repeats.
        units: (N,) unit of each case.
        seed: equal seeds over equally many units and repeats draw the same resamples.

    Returns:
        (R, K) means, each over resampled units and resampled repeats.

    Raises:
        ValueError: if a value is not finite.
    """
    code = np.unique(units, return_inverse=True)[1]
    repeats, columns = values.shape[1:]
    flat = _finite(values).reshape(len(values), -1)
    sums = np.stack([np.bincount(code, column) for column in flat.T], axis=1)
    counts = np.bincount(code)
    rng = np.random.default_rng(seed)
    cases = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    runs = rng.multinomial(repeats, np.full(repeats, 1 / repeats), size=RESAMPLES)
    drawn = (cases @ sums).reshape(RESAMPLES, repeats, columns) * runs[:, :, None]
    means: Floats = drawn.sum(1) / ((cases @ counts) * repeats)[:, None]
    return means


def _finite(table: Floats) -> Floats:
    if not np.isfinite(table).all():
        bad = int((~np.isfinite(table)).sum())
        raise ValueError(f"{bad} of {table.size} values are not finite; exclude and count them")
    return table
