"""Squared maximum mean discrepancy (MMD) and the permutation test that goes with it.

Unlike a Fréchet distance it assumes no shape of the distributions, has no bias at small N, and
with a characteristic kernel is zero only between equal distributions. The kernel is the mean of
three Gaussians about the median distance between real vectors.

Source: Gretton et al. 2012, JMLR 13:723, equations 3 and 1 (U-statistic), section 5 (test).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.fidelity.frechet import Features, finite
from evaluation.statistics.bootstrap import Estimate, Units
from evaluation.statistics.jackknife import assign_blocks, jackknifed

Sides = NDArray[np.float64]  # (P, N), 1 for the first of two sets, 0 for the second

SCALES = (0.5, 1.0, 2.0)  # of the bandwidth: finer and coarser differences than the median
SAMPLE = 1000  # vectors of each set for the bandwidth and for the test
CHUNK = 1024
PERMUTATIONS = 999


@dataclass(frozen=True)
class Kernel:
    """Mean of Gaussians exp(-|x - y|² / 2 h²) with h at three scales of the bandwidth.

    Attributes:
        bandwidth: in units of the features, positive.
    """

    bandwidth: float

    @staticmethod
    def of(reference: Features, *, seed: int = 0) -> Kernel:
        """Bandwidth by the median heuristic: the median distance of two reference vectors.

        Equal vectors are set aside; where all are equal the bandwidth is 1.
        """
        sample = _some(finite(reference), SAMPLE, seed)
        distances = np.sqrt(_squared(sample, sample)[np.triu_indices(len(sample), 1)])
        apart = distances[distances > 0]
        return Kernel(float(np.median(apart)) if len(apart) else 1.0)

    def gram(self, a: Features, b: Features) -> NDArray[np.float64]:
        """(N, M) kernel values in (0, 1]."""
        squared = _squared(a, b)
        total = np.zeros_like(squared)
        for scale in SCALES:
            total += np.exp(squared / (-2 * (scale * self.bandwidth) ** 2))
        total /= len(SCALES)
        return total


def mmd(a: Features, b: Features, kernel: Kernel) -> float:
    """Unbiased squared MMD of (N, D) and (M, D); below 0 by chance where the sets are alike.

    NaN where either set has fewer than two vectors.

    Raises:
        ValueError: if a feature is not finite, or the dimensions differ.
    """
    one, other = np.zeros(len(a), np.intp), np.zeros(len(b), np.intp)
    return _Sums.of(a, b, one, other, kernel).distance()


def mmd_estimate(
    a: Features,
    b: Features,
    kernel: Kernel,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """The distance with a delete-one-block jackknife interval over both sets, n = N.

    Args:
        a: (N, D) features.
        b: (M, D) features.
        kernel: of the reference.
        a_units: (N,) unit (patient) of each vector, left out together; None: each is its own.
        b_units: (M,) likewise.
        seed: of the assignment to blocks.
    """
    blocks = assign_blocks(len(a), a_units, seed), assign_blocks(len(b), b_units, seed + 1)
    sums = _Sums.of(a, b, *blocks, kernel)
    without_a = [sums.without(0, block).distance() for block in range(len(sums.counts[0]))]
    without_b = [sums.without(1, block).distance() for block in range(len(sums.counts[1]))]
    return jackknifed(sums.distance(), (without_a, without_b), len(a), lowest=-np.inf)


def permutation_p(
    a: Features,
    b: Features,
    kernel: Kernel,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> float:
    """Probability of so large a distance if both sets came from one distribution.

    Units change sides whole, so that a patient's many slices do not pass for independent. Of
    larger sets 1000 vectors each are tested. 999 permutations: the smallest value is 0.001.
    NaN where either set has fewer than two vectors.
    """
    if min(len(a), len(b)) < 2:
        return float("nan")
    pooled, _, sides = permuted_sides(a, b, a_units, b_units, seed=seed)
    values = kernel.gram(pooled, pooled)
    np.fill_diagonal(values, 0)
    found = _distances(values, sides)
    return float(np.count_nonzero(found >= found[0]) / len(found))


def permuted_sides(
    a: Features,
    b: Features,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> tuple[Features, Units, Sides]:
    """Both sets pooled, and 1 + at most 999 ways to part them: as they are, then at random.

    Units change sides whole. Of larger sets 1000 vectors each are taken. Ways that leave a side with
    fewer than two vectors, as where one patient has most of the slices, are none and left out.

    Returns:
        (N, D) vectors, (N,) unit of each, and (P, N) sides, the sets as they are first.
    """
    rows = [_chosen(len(part), seed + i) for i, part in enumerate((a, b))]
    pooled = np.concatenate([finite(a)[rows[0]], finite(b)[rows[1]]])
    units = _pooled_units(a_units, b_units, rows)
    rng, first = np.random.default_rng(seed), len(rows[0])
    observed = (np.arange(len(pooled)) < first)[None]
    drawn = _shuffled(units, first, rng)
    count = drawn.sum(1)
    sides = np.concatenate([observed, drawn[np.minimum(count, len(pooled) - count) >= 2]])
    return pooled, units, sides.astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Kernel values summed over pairs of blocks: what a distance is made of."""

    within: tuple[NDArray[np.float64], NDArray[np.float64]]
    across: NDArray[np.float64]
    counts: tuple[NDArray[np.float64], NDArray[np.float64]]

    @staticmethod
    def of(
        a: Features, b: Features, of_a: NDArray[np.intp], of_b: NDArray[np.intp], kernel: Kernel
    ) -> _Sums:
        if a.shape[1] != b.shape[1]:
            raise ValueError(f"features of {a.shape[1]} and {b.shape[1]} dimensions do not compare")
        a, b = finite(a), finite(b)
        within = _summed(a, a, of_a, of_a, kernel), _summed(b, b, of_b, of_b, kernel)
        counts = np.bincount(of_a).astype(float), np.bincount(of_b).astype(float)
        return _Sums(within, _summed(a, b, of_a, of_b, kernel), counts)

    def without(self, side: int, block: int) -> _Sums:
        within, counts = list(self.within), list(self.counts)
        for axis in (0, 1):
            within[side] = np.delete(within[side], block, axis)
        counts[side] = np.delete(counts[side], block)
        across = np.delete(self.across, block, side)
        return _Sums((within[0], within[1]), across, (counts[0], counts[1]))

    def distance(self) -> float:
        n, m = (float(count.sum()) for count in self.counts)
        if min(n, m) < 2:
            return float("nan")
        # k(x, x) = 1: the diagonal, which an unbiased mean leaves out, sums to n.
        own = [(w.sum() - k) / (k * (k - 1)) for w, k in zip(self.within, (n, m), strict=True)]
        return float(own[0] + own[1] - 2 * self.across.sum() / (n * m))


def _summed(
    a: Features, b: Features, of_a: NDArray[np.intp], of_b: NDArray[np.intp], kernel: Kernel
) -> NDArray[np.float64]:
    """(blocks of a, blocks of b) sums of kernel values, a piece of the matrix at a time."""
    shape = of_a.max(initial=-1) + 1, of_b.max(initial=-1) + 1
    total = np.zeros(shape)
    member = np.eye(shape[1])[of_b]
    for start in range(0, len(a), CHUNK):
        part = slice(start, start + CHUNK)
        np.add.at(total, of_a[part], kernel.gram(a[part], b) @ member)
    return total


def _distances(values: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance under each row of `sides`, 1.0 for the first set; `values` has no diagonal."""
    n, m = sides.sum(1), (1 - sides).sum(1)
    first = ((sides @ values) * sides).sum(1)
    second = (((1 - sides) @ values) * (1 - sides)).sum(1)
    across = values.sum() - first - second  # both orders, hence without the 2
    return np.asarray(first / (n * (n - 1)) + second / (m * (m - 1)) - across / (n * m))


def _shuffled(units: NDArray[np.intp], first: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(P, N) which things go to the first set: units in random order, until it is as large."""
    sizes = np.bincount(units)
    order = rng.permuted(np.tile(np.arange(len(sizes)), (PERMUTATIONS, 1)), axis=1)
    before = np.cumsum(sizes[order], axis=1) - sizes[order] / 2
    chosen = np.empty(order.shape, bool)
    np.put_along_axis(chosen, order, before <= first, axis=1)
    return chosen[:, units]


def _pooled_units(
    a: Units | None, b: Units | None, rows: list[NDArray[np.intp]]
) -> NDArray[np.intp]:
    names = [
        np.array([f"{side}{unit}" for unit in (at if units is None else np.asarray(units)[at])])
        for side, units, at in zip("ab", (a, b), rows, strict=True)
    ]
    return np.asarray(np.unique(np.concatenate(names), return_inverse=True)[1], np.intp)


def _chosen(count: int, seed: int) -> NDArray[np.intp]:
    if count <= SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, SAMPLE, replace=False))


def _some(features: Features, most: int, seed: int) -> Features:
    return features[_chosen(len(features), seed)] if len(features) > most else features


def _squared(a: Features, b: Features) -> NDArray[np.float64]:
    """(N, M) squared distances, at least 0."""
    squared = np.asarray((a**2).sum(1)[:, None] + (b**2).sum(1))
    # In place: of 10 000 vectors each piece of the matrix takes 80 MiB.
    squared -= 2 * a @ b.T
    return squared.clip(0, out=squared)
