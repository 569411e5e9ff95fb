"""Intervals of distances between sets: units are assigned to blocks, and one is left out at a time.

A bootstrap would repeat vectors, which shrinks covariances and makes neighbours of copies; leaving
out blocks does not. The intervals speak of sampling noise, not of a distance's bias at finite N.

Source: Shao & Wu 1989, Annals of Statistics 17:1176.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.bootstrap import LEVEL, Estimate, Units

BLOCKS = 20
FEWEST = 4  # blocks without which a variance would be a guess


def assign_blocks(count: int, units: Units | None, seed: int) -> NDArray[np.intp]:
    """(count,) block of each of `count` things; at most 20 blocks, a unit whole in one.

    Args:
        count: of things.
        units: (count,) unit (patient) of each; None: each is its own.
        seed: of the assignment.
    """
    names, code = np.unique(np.arange(count) if units is None else units, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(order[code] % max(1, min(BLOCKS, len(names))), np.intp)


def jackknifed(
    value: float, without: Sequence[Sequence[float]], n: int, *, lowest: float
) -> Estimate:
    """A distance with its interval; no bounds where a set has fewer than 4 blocks.

    Args:
        value: the distance of the whole sets.
        without: of each set, distances with one of its blocks left out.
        n: things behind the value.
        lowest: no bound goes below it.
    """
    if min(map(len, without)) < FEWEST:
        return Estimate(value, float("nan"), float("nan"), n)
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * np.sqrt(sum(map(_variance, without)))
    return Estimate(value, max(lowest, float(value - half)), float(value + half), n)


def _variance(values: Sequence[float]) -> float:
    spread = np.asarray(values) - np.mean(values)
    return float((len(values) - 1) / len(values) * (spread**2).sum())
