"""Intervals, in one place: every estimate of this package gets its uncertainty here.

All intervals resample *units* (patients), never single observations of one unit. Means are
computed from sums per unit, so one matrix product yields every resample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
RESAMPLES = 2000
MANY = 2000  # units; more are drawn one by one, which is faster than counting how often each is

Floats = NDArray[np.float64]
Units = NDArray[np.intp]


@dataclass(frozen=True)
class Estimate:
    """A number estimated from data.

    Attributes:
        value: the estimate; NaN where nothing could be observed.
        low: lower bound of its 95 % interval; NaN where fewer than two units leave it unknown.
        high: upper bound, likewise.
        n: number of observations behind it.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return bool(np.isfinite(self.value))


NOTHING = Estimate(float("nan"), float("nan"), float("nan"), 0)


def resampled_means(
    values: ArrayLike,
    units: Units | None = None,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    size: int | None = None,
) -> Floats:
    """Bootstrap distribution of means; columns are resampled together, hence stay paired.

    Args:
        values: (N, K) observations, finite.
        units: (N,) unit of each observation; None means each is its own.
        seed: equal seeds over equally many units draw the same resamples.
        resamples: number of rows R of the result.
        size: units in each resample; None: as many as there are.

    Returns:
        (R, K) means, each over so many units, drawn with replacement.

    Raises:
        ValueError: if there is no observation, or one is not finite.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 6 and 8.
    """
    table = _finite(values)
    sums, counts = _per_unit(table, units)
    drawn = size or len(sums)
    if len(sums) > MANY:
        return _means_of_drawn(sums, counts, np.random.default_rng(seed), drawn, resamples)
    weights = _weights(len(sums), drawn, resamples, seed)
    return weights @ sums / (weights @ counts)[:, None]


def percentile(draws: Floats, value: float, n: int, *, level: float = LEVEL) -> Estimate:
    """Percentile interval of a bootstrap distribution (R,), widened to hold the value if need be.

    Source: Efron & Tibshirani 1993, section 13.3.
    """
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return _around(value, low, high, n)


def centred_percentile(draws: Floats, value: float, n: int, *, level: float = LEVEL) -> Estimate:
    """Percentile interval of draws (R,) that are moved until their mean is the value.

    For what resampling raises: a distance that is never below 0, or the greatest of many means.
    """
    return percentile(draws - (draws.mean() - value), value, n, level=level)


def mean(
    values: ArrayLike, units: Units | None = None, *, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """Mean of (N,) values with a percentile bootstrap interval over units.

    No values give NaN with n = 0; a single unit gives a value without bounds.

    Raises:
        ValueError: if a value is not finite: the caller excludes, counts and says so.
    """
    return function_of_means(lambda means: means[:, 0], values, units, seed=seed, level=level)


def function_of_means(
    function: Callable[[Floats], Floats],
    values: ArrayLike,
    units: Units | None = None,
    *,
    seed: int = 0,
    level: float = LEVEL,
) -> Estimate:
    """A smooth function of paired means, for instance a ratio or a difference of columns.

    Args:
        function: (R, K) means to (R,) results.
        values: (N, K) or (N,) paired observations.
        units: (N,) unit of each observation.
        seed: of the resampling.
        level: of the interval.
    """
    table = np.asarray(values, float)
    table = table[:, None] if table.ndim == 1 else table
    if not len(table):
        return NOTHING
    value = float(function(_finite(table).mean(0, keepdims=True))[0])
    if _unit_count(table, units) < 2:
        return Estimate(value, float("nan"), float("nan"), len(table))
    draws = function(resampled_means(table, units, seed=seed))
    return percentile(draws, value, len(table), level=level)


def bca_mean(
    values: ArrayLike, units: Units | None = None, *, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """Mean with the bias-corrected and accelerated interval, for small or skewed samples.

    Degenerate cases as in `mean`; values that are all equal give an interval of width 0.

    Source: Efron 1987, JASA 82:171; Efron & Tibshirani 1993, equations 14.9 to 14.15.
    """
    table = np.asarray(values, float)[:, None]
    if not len(table) or _unit_count(table, units) < 2:
        return mean(values, units, seed=seed, level=level)
    value = float(_finite(table).mean())
    draws = resampled_means(table, units, seed=seed)[:, 0]
    if np.ptp(draws) < 1e-15 * max(1.0, abs(value)):
        return Estimate(value, value, value, len(table))
    low, high = np.quantile(draws, _bca_levels(draws, value, _jackknife(table, units), level))
    return _around(value, low, high, len(table))


def difference(a: Estimate, b: Estimate) -> Estimate:
    """Difference a - b of two independent estimates, from their own intervals; n is the smaller.

    Source: Zou & Donner 2008, Statistics in Medicine 27:1693 (MOVER).
    """
    value = a.value - b.value
    down = np.hypot(a.value - a.low, b.high - b.value)
    up = np.hypot(a.high - a.value, b.value - b.low)
    return Estimate(value, float(value - down), float(value + up), min(a.n, b.n))


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Unweighted mean of independent estimates (of domains, say); their n are summed.

    One that is NaN makes the mean NaN: a domain that could not be judged must not vanish.

    Source: Zou & Donner 2008 (MOVER), for a sum with equal weights.
    """
    if not estimates:
        return NOTHING
    value = float(np.mean([e.value for e in estimates]))
    down = np.sqrt(np.sum([(e.value - e.low) ** 2 for e in estimates])) / len(estimates)
    up = np.sqrt(np.sum([(e.high - e.value) ** 2 for e in estimates])) / len(estimates)
    return Estimate(value, float(value - down), float(value + up), sum(e.n for e in estimates))


def wilson(successes: int, n: int, *, level: float = LEVEL) -> Estimate:
    """A share successes / n with Wilson's score interval, in [0, 1]; NaN when n is 0.

    Source: Wilson 1927, JASA 22:209.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes among {n}: expected 0 <= successes <= n")
    if n == 0:
        return NOTHING
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = successes / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(share, min(float(low), share), max(float(high), share), n)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values of several tests, in their order: below 0.05 holds for all of them together.

    A p-value that is NaN (a test that could not be made) stays NaN and counts as no test.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65.
    """
    known = sorted((p, name) for name, p in p_values.items() if np.isfinite(p))
    adjusted, worst = dict.fromkeys(p_values, float("nan")), 0.0
    for rank, (p, name) in enumerate(known):
        worst = max(worst, min(1.0, (len(known) - rank) * p))
        adjusted[name] = worst
    return adjusted


def resampled_pair_means(
    values: Floats, first: Units, second: Units, *, seed: int, resamples: int = RESAMPLES
) -> Floats:
    """Bootstrap distribution of a mean over pairs of things that share members.

    The things (patients) are resampled and a pair weighs the product of its members' counts, so
    that pairs with a common one are not taken for independent. A resample that keeps no pair
    is left out.

    Args:
        values: (P,) value of each pair.
        first: (P,) index of its first member.
        second: (P,) index of its second member.
        seed: of the resampling.
        resamples: number R of resamples.

    Returns:
        (R,) means, or slightly fewer.
    """
    members, code = np.unique(np.concatenate([first, second]), return_inverse=True)
    rng = np.random.default_rng(seed)
    size = len(members)
    counts = rng.multinomial(size, np.full(size, 1 / size), size=resamples)
    weights = counts[:, code[: len(first)]] * counts[:, code[len(first) :]]
    total = weights.sum(1)
    return (weights[total > 0] @ values) / total[total > 0]


def _around(value: float, low: float, high: float, n: int) -> Estimate:
    # A skewed resampling distribution of few units can lie to one side of the estimate.
    return Estimate(float(value), float(min(low, value)), float(max(high, value)), n)


def _finite(values: ArrayLike) -> Floats:
    table = np.asarray(values, np.float64)
    if not len(table):
        raise ValueError("there is no observation to resample")
    if not np.isfinite(table).all():
        bad = int((~np.isfinite(table)).sum())
        raise ValueError(f"{bad} of {table.size} values are not finite; exclude and count them")
    return table[:, None] if table.ndim == 1 else table


def _per_unit(table: Floats, units: Units | None) -> tuple[Floats, Floats]:
    if units is None:
        return table, np.ones(len(table))
    code = np.unique(units, return_inverse=True)[1]
    sums = np.stack([np.bincount(code, column) for column in table.T], axis=1)
    return sums.astype(np.float64), np.bincount(code).astype(np.float64)


@lru_cache(maxsize=2)  # the scores of a version draw the same ones a hundred times
def _weights(units: int, drawn: int, resamples: int, seed: int) -> Floats:
    """(R, U) how often each unit is drawn."""
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(drawn, np.full(units, 1 / units), size=resamples).astype(float)
    weights.flags.writeable = False
    return weights


def _means_of_drawn(
    sums: Floats, counts: Floats, rng: np.random.Generator, drawn: int, resamples: int
) -> Floats:
    """(R, K) means over so many units of (U, K) sums and (U,) counts, drawn with replacement."""
    columns = np.vstack([sums.T, counts])
    totals = np.empty((resamples, len(columns)))
    for row in totals:
        row[:] = columns.take(rng.integers(0, len(sums), drawn), axis=1).sum(1)
    return totals[:, :-1] / totals[:, -1:]


def _unit_count(table: Floats, units: Units | None) -> int:
    return len(table) if units is None else len(np.unique(units))


def _jackknife(table: Floats, units: Units | None) -> Floats:
    sums, counts = _per_unit(table, units)
    return (sums.sum(0) - sums)[:, 0] / (counts.sum() - counts)


def _bca_levels(draws: Floats, value: float, jackknife: Floats, level: float) -> list[float]:
    normal = NormalDist()
    below = (np.mean(draws < value) + np.mean(draws <= value)) / 2
    # A value outside all draws would need an infinite correction.
    bias = normal.inv_cdf(float(np.clip(below, 1 / len(draws), 1 - 1 / len(draws))))
    gap = jackknife.mean() - jackknife
    acceleration = (gap**3).sum() / (6 * ((gap**2).sum() ** 1.5))
    shifted = [bias + normal.inv_cdf((1 + side * level) / 2) for side in (-1, 1)]
    return [normal.cdf(bias + z / (1 - acceleration * z)) for z in shifted]
