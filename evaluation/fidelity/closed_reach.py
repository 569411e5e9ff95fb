"""Recall and coverage as shares of what other real pairs reach: 0 is nothing, 1 is as real.

Both depend on the features, on how many pairs there are and on how real ones crowd. Real held-out
pairs meet the same training pairs under the same conditions, so that their ratio can be gated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.fidelity.frechet import Features, finite
from evaluation.fidelity.prdc import NEAREST, knn_radius, reach
from evaluation.fidelity.samples import SampleTriple
from evaluation.statistics.bootstrap import NOTHING, Estimate, Floats
from evaluation.statistics.jackknife import assign_blocks, jackknifed

SHARES = ("recall", "coverage")
DRAWS = 20  # subsets of synthetic pairs, as many as there are held-out ones, that are averaged

Rows = NDArray[np.intp]


def closed_reach(triple: SampleTriple, *, seed: int) -> dict[str, Estimate]:
    """Recall and coverage of synthetic pairs, each over that of real held-out ones.

    The synthetic ones are as many as the held-out ones: the mean over 20 random subsets, where
    there are more. Intervals leave out synthetic units, held-out patients and training patients,
    a block at a time.

    Args:
        triple: features of the three sets of pairs.
        seed: of the subsets, and of the assignment to blocks.

    Returns:
        By name of `SHARES` a ratio, 0 or more, with n the synthetic pairs of a subset; NaN where a
        set has no more than 5 pairs, or real ones reach nothing; without bounds where that happens
        as soon as a block is left out.
    """
    sets = triple.synthetic, triple.train, triple.held_out
    if min(map(len, sets)) <= NEAREST:
        return dict.fromkeys(SHARES, NOTHING)
    ours, train, held_out = (finite(each.features) for each in sets)
    blocks = [assign_blocks(len(each), each.units, seed) for each in sets]
    subsets = _subsets(len(ours), len(held_out), seed)
    mine = _reached(ours, subsets, blocks[0], train)
    theirs = _reached(held_out, [np.arange(len(held_out))], blocks[2], train)
    rows = np.concatenate([np.ones((1, len(train))), _without(blocks[1])])
    return {
        name: _closed(mine[:, at], theirs[:, at], rows, len(subsets[0]))
        for at, name in enumerate(SHARES)
    }


def _subsets(count: int, size: int, seed: int) -> list[Rows]:
    if count <= size:
        return [np.arange(count)]
    rng = np.random.default_rng(seed)
    return [rng.choice(count, size, replace=False) for _ in range(DRAWS)]


def _without(blocks: Rows) -> Floats:
    """(blocks, things) 1 for every thing that is not in a block."""
    return np.asarray(blocks != np.unique(blocks)[:, None], np.float64)


def _reached(features: Features, subsets: Sequence[Rows], blocks: Rows, train: Features) -> Floats:
    """(1 + blocks, 2, M) in how many of the subsets a training vector is recalled, and covered.

    First of the whole subsets, then with each block left out; the first alone where too little
    would be left.
    """
    radius, kept = knn_radius(train, NEAREST), _without(blocks).astype(bool)
    everything = [np.ones(len(features), bool)]
    if min(int(keep[subset].sum()) for keep in kept for subset in subsets) > NEAREST:
        everything += list(kept)
    found = np.zeros((len(everything), 2, len(train)))
    for row, keep in zip(found, everything, strict=True):
        for subset in subsets:
            reached = reach(features[subset[keep[subset]]], train, radius)
            row += np.stack([reached.recalled, reached.covered]) / len(subsets)
    return found


def _closed(mine: Floats, theirs: Floats, rows: Floats, count: int) -> Estimate:
    """The ratio over all training rows, and its interval; first rows are of the whole sets."""
    value = _ratios(mine[:1], theirs[:1], rows[:1])
    if not value:
        return Estimate(float("nan"), float("nan"), float("nan"), count)
    without = (
        _ratios(mine[1:], theirs[:1], rows[:1]),
        _ratios(mine[:1], theirs[1:], rows[:1]),
        _ratios(mine[:1], theirs[:1], rows[1:]),
    )
    return jackknifed(value[0], without, count, lowest=0)


def _ratios(mine: Floats, theirs: Floats, rows: Floats) -> list[float]:
    """All combinations of the three; none where real ones reach nothing in some."""
    below = theirs @ rows.T
    return [] if not below.all() else [float(x) for x in np.ravel(mine @ rows.T / below)]
