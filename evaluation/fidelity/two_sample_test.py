"""Do two sets of features come from one distribution? One test of joint and of single features.

The Anderson-Darling distance of a single feature hears a change in one of many, also at its ends;
how often the nearest neighbours come from the same set hears a mode that is missing from the
middle. Each is ranked among the same permutations, and the better of the two ranks is held
against its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.fidelity.frechet import Features
from evaluation.fidelity.mmd import Sides, pooled_sides
from evaluation.fidelity.prdc import distances
from evaluation.statistics.bootstrap import Units

NEAREST = 10
CHUNK = 100  # permutations whose sums are in memory at a time


def two_sample_p(
    a: Features,
    b: Features,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> float:
    """Probability of so large a difference, joint or in one feature, if there were none.

    Permutations, sampling and degenerate cases as in `mmd.permutation_p`.

    Source: Westfall & Young 1993, Resampling-Based Multiple Testing, section 2.5 (minimal p).
    """
    pooled, units, sides = pooled_sides(a, b, a_units, b_units, seed=seed)
    if not len(sides):
        return float("nan")
    single = _ranked(largest_deviations(pooled, sides))
    joint = _ranked(neighbour_agreement(pooled, units, sides))
    # Row 0 is what was observed; in each column it competes with the permutations on equal terms.
    best = np.minimum(single, joint)
    return float(np.count_nonzero(best <= best[0]) / len(best))


def largest_deviations(pooled: Features, sides: Sides) -> NDArray[np.float64]:
    """(P,) largest Anderson-Darling distance of any feature under each assignment.

    The mean, over the pooled values but the greatest, of (F - G)² / (H (1 - H)), where F and G are
    the two sets' distribution functions and H that of both.

    Args:
        pooled: (N, D) features of both sets.
        sides: (P, N) 1 for the first set, 0 for the second.

    Source: Scholz & Stephens 1987, JASA 82:918, equation 6, without its constant factor.
    """
    count = len(pooled)
    order = np.argsort(pooled, axis=0, kind="stable")
    ordered = np.take_along_axis(pooled, order, axis=0)
    # Between equal values there is no step to compare at, and after the last both are 1.
    steps = ordered[1:] != ordered[:-1]
    share = np.arange(1, count) / count
    weight = 1 / (share * (1 - share)) / count
    found = np.zeros(len(sides))
    for start in range(0, len(sides), CHUNK):
        part = sides[start : start + CHUNK]
        signed = part / part.sum(1, keepdims=True) - (1 - part) / (1 - part).sum(1, keepdims=True)
        for feature in range(pooled.shape[1]):
            at = steps[:, feature]
            gaps = np.cumsum(signed[:, order[:-1, feature]], axis=1)[:, at]
            deviation = gaps**2 @ weight[at]
            np.maximum(found[start : start + CHUNK], deviation, out=found[start : start + CHUNK])
    return found


def neighbour_agreement(
    pooled: Features, units: Units, sides: Sides, nearest: int = NEAREST
) -> NDArray[np.float64]:
    """(P,) share of nearest neighbours that lie on one's own side, summed over the two sides.

    Vectors of one's own unit are no neighbours; of others, the `nearest` ones are.

    Source: Schilling 1986, JASA 81:799; each set weighs the same, whatever its size.
    """
    apart = distances(pooled, pooled)
    apart[units[:, None] == units[None]] = np.inf
    near = np.argsort(apart, axis=1, kind="stable")[:, : min(nearest, len(pooled) - 1)]
    found = np.zeros(len(sides))
    for start in range(0, len(sides), CHUNK):
        part = sides[start : start + CHUNK]
        own = part[:, near].mean(2)  # share of neighbours on the first side
        first = (own * part).sum(1) / part.sum(1)
        second = ((1 - own) * (1 - part)).sum(1) / (1 - part).sum(1)
        found[start : start + CHUNK] = first + second
    return found


def _ranked(statistic: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) share of assignments whose statistic is at least as large as each one's."""
    ordered = np.sort(statistic)
    return np.asarray(1 - np.searchsorted(ordered, statistic - 1e-12) / len(statistic))
