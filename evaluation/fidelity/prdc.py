"""Precision, recall, density and coverage: who lies within whose neighbourhood.

A vector's neighbourhood is the ball that reaches to its k-th nearest neighbour of its own set.

Sources: Kynkäänniemi et al. 2019 (arXiv 1904.06991, eq. 1-2) for precision and recall; Naeem et
al. 2020 (arXiv 2002.09797, eq. 5-6) for density and coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.fidelity.frechet import Features, finite

NEAREST = 5
CHUNK = 1024

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Prdc:
    """How two sets cover each other.

    Attributes:
        precision: share of synthetic vectors within the neighbourhood of some real one.
        recall: share of real vectors within the neighbourhood of some synthetic one; high as
            soon as one outlier has a large neighbourhood.
        density: mean number of real neighbourhoods that hold a synthetic vector, over k; may
            exceed 1.
        coverage: share of real vectors whose neighbourhood holds a synthetic one.
    """

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Reach:
    """Which vectors of two sets lie within whose neighbourhood.

    Attributes:
        balls: (N,) number of real neighbourhoods that hold each synthetic vector.
        recalled: (M,) whether a real vector lies within the neighbourhood of a synthetic one.
        covered: (M,) whether a real vector's neighbourhood holds a synthetic one.
    """

    balls: NDArray[np.intp]
    recalled: Flags
    covered: Flags


def prdc(synthetic: Features, real: Features, *, nearest: int = NEAREST) -> Prdc:
    """All four; NaN where a set has no more vectors than `nearest`.

    Equal vectors lie in no neighbourhood of radius 0: of constant features all four are 0.

    Args:
        synthetic: (N, D) features.
        real: (M, D) features.
        nearest: k, at least 1.

    Raises:
        ValueError: if a feature is not finite, the dimensions differ, or k is below 1.
    """
    if synthetic.shape[1] != real.shape[1]:
        raise ValueError(
            f"features of {synthetic.shape[1]} and {real.shape[1]} dimensions do not compare"
        )
    if nearest < 1:
        raise ValueError(f"a neighbourhood needs at least 1 neighbour, not {nearest}")
    ours, theirs = finite(synthetic), finite(real)
    if min(len(ours), len(theirs)) <= nearest:
        return Prdc(*[float("nan")] * 4)
    found = reach(ours, theirs, knn_radius(theirs, nearest), nearest=nearest)
    return Prdc(
        precision=float((found.balls > 0).mean()),
        recall=float(found.recalled.mean()),
        density=float(found.balls.mean() / nearest),
        coverage=float(found.covered.mean()),
    )


def reach(
    ours: Features, theirs: Features, their_radius: NDArray[np.float64], *, nearest: int = NEAREST
) -> Reach:
    """Who lies within whose neighbourhood.

    Args:
        ours: (N, D) finite features, N more than `nearest`.
        theirs: (M, D) finite features.
        their_radius: (M,) of `knn_radius`: worked out once for many sets of ours.
        nearest: k, at least 1.
    """
    our_radius = knn_radius(ours, nearest)
    balls = np.zeros(len(ours), np.intp)
    recalled, covered = np.zeros(len(theirs), bool), np.zeros(len(theirs), bool)
    for start in range(0, len(ours), CHUNK):
        part = slice(start, start + CHUNK)
        apart = distances(ours[part], theirs)
        within = apart < their_radius
        balls[part] = within.sum(1)
        covered |= within.any(0)
        recalled |= (apart < our_radius[part, None]).any(0)
    return Reach(balls, recalled, covered)


def knn_radius(features: Features, nearest: int) -> NDArray[np.float64]:
    """(N,) distance of each vector to its k-th nearest other one."""
    parts = [
        # Itself is the nearest of all, at distance 0.
        np.partition(distances(features[start : start + CHUNK], features), nearest, axis=1)
        for start in range(0, len(features), CHUNK)
    ]
    return np.concatenate([part[:, nearest] for part in parts])


def distances(a: Features, b: Features) -> NDArray[np.float64]:
    """(N, M) Euclidean distances."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    # Rounding leaves equal vectors a little apart, or less than nothing.
    return np.sqrt(np.where(squared < 1e-12 * (1 + (b**2).sum(1)), 0, squared))
