"""Intervals of statistics that are no means: a resample is a weighting of the observations.

A statistic that takes weights needs no second formula for its bootstrap: equal weights give its
value, and the number of times that a resample drew each patient gives one of its draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.statistics.bootstrap import NOTHING, RESAMPLES, Estimate, Floats, Units, percentile

Weighted = Callable[[Floats], Floats]  # (R, N) weights to (R,) or (R, S) values
CELLS = 4 * 10**6  # weights held at a time
ROUNDING = 1e-12


def estimate(
    statistic: Weighted, units: Units, *, seed: int, strata: ArrayLike | None = None
) -> Estimate:
    """A statistic of N weighted observations with a percentile interval over units.

    Args:
        statistic: (R, N) weights to (R,) values, or (R, S) for S repeats (training seeds), which
            are averaged and, where there are several, resampled as well. NaN where a weighting
            leaves nothing to work out.
        units: (N,) unit of each observation; they are drawn with replacement.
        seed: equal seeds over equal units draw the same resamples.
        strata: (N,) kinds of observation that all must be there for a value to exist. One that
            fewer than two units show leaves the interval unknown: no resample could vary it.

    Returns:
        NaN with n = 0 for no observation; NaN with n = N where the statistic is undefined.
        Resamples in which it is undefined are left out.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 6 and 13; Owen
    2007, Annals of Applied Statistics 1:386 (several repeats).
    """
    n = len(units)
    if not n:
        return NOTHING
    value = value_of(statistic, n)
    unknown = Estimate(value, float("nan"), float("nan"), n)
    if not np.isfinite(value) or fewest_units(units, strata) < 2:
        return unknown
    kept = draws(statistic, units, seed=seed)
    kept = kept[np.isfinite(kept)]
    return percentile(kept, value, n) if len(kept) else unknown


def value_of(statistic: Weighted, count: int) -> float:
    """The statistic of observations that all weigh the same, mean over repeats."""
    return float(np.mean(statistic(np.ones((1, count)))))


def draws(
    statistic: Weighted, units: Units, *, seed: int, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """(R,) bootstrap distribution of a statistic, mean over repeats; NaN where it is undefined."""
    drawn = [_table(statistic(weights)) for weights in _weightings(units, seed, resamples)]
    values = np.concatenate(drawn)
    repeats = values.shape[1]
    # A stream of its own: the same units are drawn for any number of repeats.
    rng = np.random.default_rng((seed, repeats))
    times = rng.multinomial(repeats, np.full(repeats, 1 / repeats), size=resamples)
    return np.asarray((values * times).sum(1) / repeats)


def two_sided(drawn: NDArray[np.float64]) -> float:
    """Two-sided p-value that a bootstrapped difference (R,) is 0: below 0.05 its interval misses 0.

    Twice the share of resamples on the rarer side of 0, the observed sample counting as one more,
    so that it never is 0; at most 1. Undefined resamples (NaN) are left out; none leave NaN.

    Source: Davison & Hinkley 1997, Bootstrap Methods and their Application, sections 4.2 and 4.4.
    """
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return float("nan")
    # Differences that are 0 but for rounding are on both sides.
    rarer = min(np.sum(known <= ROUNDING), np.sum(known >= -ROUNDING))
    return float(min(1.0, 2 * (rarer + 1) / (len(known) + 1)))


def fewest_units(units: Units, strata: ArrayLike | None = None) -> int:
    """How many units show the rarest stratum (N,); without strata, how many units there are."""
    kinds = np.zeros(len(units)) if strata is None else np.asarray(strata)
    return min(len(np.unique(units[kinds == kind])) for kind in np.unique(kinds))


def safe_divide(part: Floats, whole: Floats) -> Floats:
    """Quotient of two arrays, NaN where the whole is not above 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _weightings(units: Units, seed: int, resamples: int) -> Iterator[Floats]:
    code = np.unique(units, return_inverse=True)[1]
    size = code.max() + 1
    rng = np.random.default_rng(seed)
    for chunk in np.array_split(np.arange(resamples), max(1, resamples * len(code) // CELLS)):
        counts = rng.multinomial(size, np.full(size, 1 / size), size=len(chunk))
        yield counts[:, code].astype(np.float64)


def _table(values: Floats) -> Floats:
    return values[:, None] if values.ndim == 1 else values
