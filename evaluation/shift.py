"""Do two sets of features come from one distribution? One test of joint and of single features.

A kernel distance hears what features do together and is dull to a change in one of many; the
largest Kolmogorov-Smirnov distance of a single feature is the reverse. Each is ranked among the
same permutations, and the better of the two ranks is held against its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.frechet import Features
from evaluation.kernel import Kernel, Sides, distances_of_sides, permuted_sides
from evaluation.statistics import Units

CHUNK = 100  # permutations whose cumulative sums are in memory at a time


def shift_p(
    a: Features,
    b: Features,
    kernel: Kernel,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> float:
    """Probability of so large a difference, joint or in one feature, if there were none.

    Permutations, sampling and degenerate cases as in `kernel.permutation_p`.

    Source: Westfall & Young 1993, Resampling-Based Multiple Testing, section 2.5 (minimal p).
    """
    if min(len(a), len(b)) < 2:
        return float("nan")
    pooled, sides = permuted_sides(a, b, a_units, b_units, seed=seed)
    joint = distances_of_sides(pooled, sides, kernel)
    single = largest_gaps(pooled, sides)
    # Row 0 is what was observed; in each column it competes with the permutations on equal terms.
    best = np.minimum(_ranked(joint), _ranked(single))
    return float(np.count_nonzero(best <= best[0]) / len(best))


def largest_gaps(pooled: Features, sides: Sides) -> NDArray[np.float64]:
    """(P,) largest Kolmogorov-Smirnov distance of any feature under each assignment.

    Args:
        pooled: (N, D) features of both sets.
        sides: (P, N) 1 for the first set, 0 for the second.
    """
    order = np.argsort(pooled, axis=0, kind="stable")
    ordered = np.take_along_axis(pooled, order, axis=0)
    # Between equal values there is no step to compare at.
    last = np.vstack([ordered[1:] != ordered[:-1], np.ones((1, pooled.shape[1]), bool)])
    found = np.zeros(len(sides))
    for start in range(0, len(sides), CHUNK):
        part = sides[start : start + CHUNK]
        weights = part / part.sum(1, keepdims=True)
        weights -= (1 - part) / (1 - part).sum(1, keepdims=True)
        for feature in range(pooled.shape[1]):
            steps = np.abs(np.cumsum(weights[:, order[:, feature]], axis=1))
            gaps = np.where(last[:, feature], steps, 0).max(1)
            np.maximum(found[start : start + CHUNK], gaps, out=found[start : start + CHUNK])
    return found


def _ranked(statistic: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) share of assignments whose statistic is at least as large as each one's."""
    ordered = np.sort(statistic)
    return np.asarray(1 - np.searchsorted(ordered, statistic - 1e-12) / len(statistic))
