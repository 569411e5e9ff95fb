"""Squared maximum mean discrepancy (MMD) and the permutation test that goes with it.

Unlike a Fréchet distance it assumes no shape of the distributions, has no bias at small N, and
with a characteristic kernel is zero only between equal distributions. The kernel is the mean of
three Gaussians about the median distance between real vectors. Within a set only vectors of different
units (patients) are compared: those of one are nearly alike, which would pass for a set of its own.

Source: Gretton et al. 2012, JMLR 13:723, equations 3 and 1 (U-statistic), section 5 (test).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.fidelity.frechet import Features, finite
from evaluation.statistics.bootstrap import Estimate, Units
from evaluation.statistics.jackknife import assign_blocks, jackknifed
from evaluation.statistics.permutation import permuted_sides

Sides = NDArray[np.float64]  # (P, N), 1 for the first of two sets, 0 for the second
_Side = tuple[Features, Units | None, NDArray[np.intp]]  # vectors, units and blocks of one set

SCALES = (0.5, 1.0, 2.0)  # of the bandwidth: finer and coarser differences than the median
SAMPLE = 1000  # vectors of each set for the bandwidth and for the test
CHUNK = 1024


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
        sample = finite(reference)[_chosen(len(reference), seed)]
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


def mmd(
    a: Features,
    b: Features,
    kernel: Kernel,
    a_units: Units | None = None,
    b_units: Units | None = None,
) -> float:
    """Unbiased squared MMD of (N, D) and (M, D); below 0 by chance where the sets are alike.

    Arguments as of `mmd_estimate`. NaN where either set has fewer than two units.

    Raises:
        ValueError: if a feature is not finite, or the dimensions differ.
    """
    sides = (
        (part, units, np.zeros(len(part), np.intp)) for part, units in ((a, a_units), (b, b_units))
    )
    return _Sums.of(*sides, kernel=kernel).distance()


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
        a_units: (N,) unit (patient) of each vector, left out together and not compared with one
            another; None: each is its own.
        b_units: (M,) likewise.
        seed: of the assignment to blocks.
    """
    first = a, a_units, assign_blocks(len(a), a_units, seed)
    second = b, b_units, assign_blocks(len(b), b_units, seed + 1)
    sums = _Sums.of(first, second, kernel=kernel)
    without = [
        [sums.without(side, block).distance() for block in range(len(part.counts))]
        for side, part in enumerate(sums.within)
    ]
    return jackknifed(sums.distance(), without, len(a), lowest=-np.inf)


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
    NaN where either set has fewer than two units.
    """
    pooled, units, sides = pooled_sides(a, b, a_units, b_units, seed=seed)
    if not len(sides):
        return float("nan")
    found = _distances(kernel.gram(pooled, pooled), units, sides)
    return float(np.count_nonzero(found >= found[0]) / len(found))


def pooled_sides(
    a: Features,
    b: Features,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> tuple[Features, Units, Sides]:
    """Both sets pooled, and the ways to part them of `permuted_sides`: as they are, then at random.

    Of larger sets 1000 vectors each are taken.

    Returns:
        (N, D) vectors, (N,) unit of each, and (P, N) sides, the sets as they are first.
    """
    rows = [_chosen(len(part), seed + i) for i, part in enumerate((a, b))]
    pooled = np.concatenate([finite(a)[rows[0]], finite(b)[rows[1]]])
    units = _pooled_units(a_units, b_units, rows)
    sides = permuted_sides(units, len(rows[0]), np.random.default_rng(seed))
    return pooled, units, sides.astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Kernel values summed over pairs of blocks: what a distance is made of."""

    within: tuple[_Within, _Within]
    across: NDArray[np.float64]

    @staticmethod
    def of(first: _Side, second: _Side, *, kernel: Kernel) -> _Sums:
        (a, _, of_a), (b, _, of_b) = first, second
        if a.shape[1] != b.shape[1]:
            raise ValueError(f"features of {a.shape[1]} and {b.shape[1]} dimensions do not compare")
        within = _Within.of(*first, kernel), _Within.of(*second, kernel)
        return _Sums(within, _summed(finite(a), finite(b), of_a, of_b, kernel))

    def without(self, side: int, block: int) -> _Sums:
        one, other = self.within
        within = (one, other.without(block)) if side else (one.without(block), other)
        return _Sums(within, np.delete(self.across, block, side))

    def distance(self) -> float:
        one, other = self.within
        own = one.mean + other.mean
        if np.isnan(own):
            return own
        return own - 2 * float(self.across.sum()) / (one.count * other.count)


@dataclass(frozen=True, eq=False)
class _Within:
    """Of one set: sums over pairs of blocks, less what is summed over pairs of one unit.

    Attributes:
        sums: (B, B) kernel values between blocks.
        own: (B,) those of pairs of one unit, each vector with itself among them.
        counts: (B,) vectors.
        squares: (B,) pairs of one unit: squared counts of units, summed.
    """

    sums: NDArray[np.float64]
    own: NDArray[np.float64]
    counts: NDArray[np.float64]
    squares: NDArray[np.float64]

    @staticmethod
    def of(
        features: Features, units: Units | None, block: NDArray[np.intp], kernel: Kernel
    ) -> _Within:
        table = finite(features)
        names = np.arange(len(table)) if units is None else units
        _, first, code, sizes = np.unique(
            names, return_index=True, return_inverse=True, return_counts=True
        )
        parts = np.split(table[np.argsort(code, kind="stable")], np.cumsum(sizes)[:-1])
        # k(x, x) = 1: most units are single vectors, of which nothing need be worked out.
        own = np.array([float(kernel.gram(x, x).sum()) if len(x) > 1 else 1.0 for x in parts])
        return _Within(
            _summed(table, table, block, block, kernel),
            np.bincount(block[first], own[: len(first)]).astype(float),
            np.bincount(block).astype(float),
            np.bincount(block[first], sizes**2).astype(float),
        )

    def without(self, block: int) -> _Within:
        sums = np.delete(np.delete(self.sums, block, 0), block, 1)
        return _Within(
            sums, *(np.delete(each, block) for each in (self.own, self.counts, self.squares))
        )

    @property
    def count(self) -> float:
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """Of the pairs of different units; NaN where there is none."""
        pairs = self.count**2 - self.squares.sum()
        return float((self.sums.sum() - self.own.sum()) / pairs) if pairs > 0 else float("nan")


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


def _distances(values: NDArray[np.float64], units: Units, sides: Sides) -> NDArray[np.float64]:
    """Distance under each row of `sides`, each of which has two units or more."""
    values = np.where(units[:, None] == units[None], 0, values)
    first, second = (((side @ values) * side).sum(1) for side in (sides, 1 - sides))
    across = values.sum() - first - second  # both orders, hence without the 2
    n, m = sides.sum(1), (1 - sides).sum(1)
    own = np.bincount(units)[units]  # vectors of each one's unit, whole on one side
    pairs = n**2 - sides @ own, m**2 - (1 - sides) @ own
    return np.asarray(first / pairs[0] + second / pairs[1] - across / (n * m))


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


def _squared(a: Features, b: Features) -> NDArray[np.float64]:
    """(N, M) squared distances, at least 0."""
    squared = np.asarray((a**2).sum(1)[:, None] + (b**2).sum(1))
    # In place: of 10 000 vectors each piece of the matrix takes 80 MiB.
    squared -= 2 * a @ b.T
    return squared.clip(0, out=squared)
