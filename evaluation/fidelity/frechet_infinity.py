"""The Fréchet distance of infinitely many pairs, FID∞ of other features.

At finite N a Fréchet distance is too large by about c / N once N reaches the number of
dimensions D; the constant c depends on the generator, so that equal N alone is not fair. Here
both sets shrink together, so that the bias of the real set goes too.

Source: Chong & Forsyth, CVPR 2020 (arXiv 1911.07023), section 3 (regression on 1 / N).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from evaluation.fidelity.frechet import Features, Moments, frechet_of_moments
from evaluation.statistics.bootstrap import Estimate, Units
from evaluation.statistics.jackknife import FEWEST, assign_blocks, jackknifed

ORDERS = 4  # of the blocks, rotated: each block is in as many subsets as any other
SHARES = (0.5, 0.65, 0.8)  # of the blocks that the nested subsets hold, below all of them
NAN = float("nan")


def frechet_infinity(
    a: Features,
    b: Features,
    a_units: Units | None = None,
    b_units: Units | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """Fréchet distance at 1 / N = 0, by a straight line through those of nested subsets.

    From N = 2 D on, what is left of the bias is lost in the noise; between D and 2 D up to a
    quarter of it stays, or is taken off twice. Below 0 by chance where the sets are alike.

    Args:
        a: (N, D) features.
        b: (M, D) features.
        a_units: (N,) unit (patient) of each vector, in or out together; None: each is its own.
        b_units: (M,) likewise.
        seed: of the assignment to blocks.

    Returns:
        Distance in squared feature units with a delete-one-block jackknife interval, n = N. NaN
        where either set has fewer vectors than dimensions, or fewer than 4 units.

    Raises:
        ValueError: if a feature is not finite, or the dimensions differ.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"features of {a.shape[1]} and {b.shape[1]} dimensions do not compare")
    first, second = _blocks(a, a_units, seed), _blocks(b, b_units, seed + 1)
    too_few = min(len(a), len(b)) < max(2, a.shape[1])
    if too_few or min(len(first), len(second)) < FEWEST:
        return Estimate(NAN, NAN, NAN, len(a))
    return jackknifed(
        _at_infinity(first, second),
        (
            [_at_infinity(_without(first, left), second) for left in range(len(first))],
            [_at_infinity(first, _without(second, left)) for left in range(len(second))],
        ),
        len(a),
        lowest=-np.inf,
    )


def _blocks(features: Features, units: Units | None, seed: int) -> list[Moments]:
    block = assign_blocks(len(features), units, seed)
    return [Moments.of(features[block == number]) for number in range(block.max(initial=-1) + 1)]


def _without(blocks: list[Moments], left: int) -> list[Moments]:
    return blocks[:left] + blocks[left + 1 :]


def _at_infinity(first: list[Moments], second: list[Moments]) -> float:
    """Intercept of the distances of nested subsets over 1 / (share of the vectors)."""
    whole = _sum(first), _sum(second)
    points = [(1.0, frechet_of_moments(*whole))] * ORDERS
    for order in range(ORDERS):
        nested = [_nested(blocks, order / ORDERS) for blocks in (first, second)]
        for parts in zip(*nested, strict=True):
            inverse = [all_.count / part.count for all_, part in zip(whole, parts, strict=True)]
            points.append((sum(inverse) / 2, frechet_of_moments(*parts)))
    inverses, values = np.array(points).T
    slope = np.cov(inverses, values)[0, 1] / np.var(inverses, ddof=1)
    return float(values.mean() - slope * inverses.mean())


def _nested(blocks: list[Moments], turn: float) -> list[Moments]:
    """Moments of nested subsets; moments add, so each grows out of the one before."""
    start = round(turn * len(blocks))
    turned = blocks[start:] + blocks[:start]
    ends = [0, *(max(1, round(share * len(blocks))) for share in SHARES)]
    grown, subsets = Moments.zero(len(blocks[0].mean)), []
    for low, high in pairwise(ends):
        grown = sum(turned[low:high], start=grown)
        subsets.append(grown)
    return subsets


def _sum(blocks: list[Moments]) -> Moments:
    return sum(blocks, start=Moments.zero(len(blocks[0].mean)))
