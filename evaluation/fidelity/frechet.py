"""Moments that add, and the Fréchet distance between two sets of features.

Over handcrafted features the score is `frechet_handcrafted`. It is not an FID: that name
belongs to the features of one Inception network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.bootstrap import Estimate, Units
from evaluation.statistics.jackknife import assign_blocks, jackknifed

Features = NDArray[np.float64]  # (N, D)
MOST = 512  # dimensions up to which forty eigendecompositions for an interval take seconds


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter of feature vectors; moments of parts add up to those of the whole.

    Attributes:
        count: number N of vectors.
        mean: (D,) their mean; zeros where N is 0.
        scatter: (D, D) sum of outer products of deviations from the mean.
    """

    count: int
    mean: Features
    scatter: Features

    @staticmethod
    def of(features: Features) -> Moments:
        """Moments of (N, D) features.

        Raises:
            ValueError: if a feature is not finite.
        """
        table = finite(features)
        mean = table.mean(0) if len(table) else np.zeros(table.shape[1])
        return Moments(len(table), mean, (table - mean).T @ (table - mean))

    @staticmethod
    def zero(dimensions: int) -> Moments:
        """Moments of no vectors: adding them changes nothing."""
        return Moments(0, np.zeros(dimensions), np.zeros((dimensions, dimensions)))

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        if count == 0:
            return self
        # Pairwise update of Chan, Golub & LeVeque 1979: raw sums of squares would cancel.
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.count / count)
        shift = np.outer(gap, gap) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + shift)

    @property
    def covariance(self) -> Features:
        """(D, D) unbiased covariance; NaN for fewer than two vectors."""
        if self.count < 2:
            return np.full_like(self.scatter, np.nan)
        return self.scatter / (self.count - 1)


def frechet_of_moments(a: Moments, b: Moments) -> float:
    """|μa - μb|² + tr Σa + tr Σb - 2 tr (Σa^½ Σb Σa^½)^½, at least 0.

    The product's root is taken through eigendecompositions of symmetric matrices, which stay
    real and accurate where a general matrix square root turns complex. NaN where either set
    has fewer than two vectors.

    Source: Dowson & Landau 1982, J. Multivariate Analysis 12:450; Heusel et al. 2017, eq. 6.
    """
    if min(a.count, b.count) < 2:
        return float("nan")
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    middle = np.linalg.eigvalsh(root @ b.covariance @ root).clip(0)
    return _combine(a, b, float(np.sqrt(middle).sum()))


def frechet(a: Features, b: Features) -> float:
    """Fréchet distance of two sets of features (N, D) and (M, D), in squared feature units.

    With fewer vectors than dimensions the covariances are singular, and the cross term is the
    nuclear norm of the centred (N, M) Gram matrix: equal in exact arithmetic, but identical
    sets then give 0 to rounding. NaN where either set has fewer than two vectors.

    Raises:
        ValueError: if a feature is not finite, or the dimensions differ.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"features of {a.shape[1]} and {b.shape[1]} dimensions do not compare")
    first, second = Moments.of(a), Moments.of(b)
    if min(len(a), len(b)) < 2 or min(len(a), len(b)) >= a.shape[1]:
        return frechet_of_moments(first, second)
    gram = (a - first.mean) @ (b - second.mean).T
    norm = np.linalg.svd(gram, compute_uv=False).sum()
    return _combine(first, second, float(norm / np.sqrt((len(a) - 1) * (len(b) - 1))))


def frechet_estimate(
    a: Features,
    b: Features,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """Fréchet distance with a delete-one-block jackknife interval over both sets.

    The interval knows nothing of the bias that every Fréchet distance has at finite N: compare
    with the real floor at the same N.

    Args:
        a: (N, D) features.
        b: (M, D) features.
        a_units: (N,) unit (patient) of each vector, left out together; None: each is its own.
        b_units: (M,) likewise.
        seed: of the assignment to blocks.

    Returns:
        Distance with n = N; the lower bound is at least 0; no bounds where a set has fewer than
        4 units, or where vectors and dimensions both are more than 512.
    """
    value = frechet(a, b)
    a, b = _compact(a, b)
    if a.shape[1] > MOST:
        return Estimate(value, float("nan"), float("nan"), len(a))
    whole_a, whole_b = Moments.of(a), Moments.of(b)
    return jackknifed(
        value,
        (
            [frechet_of_moments(rest, whole_b) for rest in _leaving_out(a, a_units, seed)],
            [frechet_of_moments(rest, whole_a) for rest in _leaving_out(b, b_units, seed + 1)],
        ),
        len(a),
        lowest=0.0,
    )


def _compact(a: Features, b: Features) -> tuple[Features, Features]:
    """The same vectors in as many dimensions as they span together: no distance changes."""
    both = np.concatenate([a, b])
    if len(both) >= both.shape[1]:
        return a, b
    coordinates = np.linalg.qr(both.T).R.T
    return coordinates[: len(a)], coordinates[len(a) :]


def finite(features: Features) -> Features:
    """The (N, D) features in float64.

    Raises:
        ValueError: if one of them is not finite.
    """
    table = np.asarray(features, np.float64)
    if not np.isfinite(table).all():
        bad = np.flatnonzero(~np.isfinite(table).all(0)).tolist()
        raise ValueError(f"features in columns {bad} are not finite; a distance would be NaN")
    return table


def _combine(a: Moments, b: Moments, cross: float) -> float:
    gap = a.mean - b.mean
    traces = (np.trace(a.scatter) / (a.count - 1)) + (np.trace(b.scatter) / (b.count - 1))
    return max(0.0, float(gap @ gap + traces - 2 * cross))


def _leaving_out(features: Features, units: Units | None, seed: int) -> list[Moments]:
    block = assign_blocks(len(features), units, seed)
    parts = [Moments.of(features[block == number]) for number in range(block.max(initial=-1) + 1)]
    zero = Moments.zero(features.shape[1])
    return [sum((p for p in parts if p is not left), start=zero) for left in parts]
