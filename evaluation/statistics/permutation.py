"""What chance alone would make of two sets: their units, shuffled between the two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.bootstrap import Units

PERMUTATIONS = 999
CHUNK = 100  # permutations worked out at a time: all of 100 000 units would be 3 GB
FEWEST = 2  # units of a side, of which one alone has no spread


def permuted_sides(units: Units, first: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """1 + at most 999 ways to part things into two sets: as they are, then at random.

    Units (patients) change sides whole, in random order until the first set is as large as it was.
    Ways that leave a side with fewer than two units, as where one patient has most of the slices,
    are none and left out.

    Args:
        units: (N,) of each thing, numbered from 0 without gaps; none is of both sets.
        first: how many things, at the front, are of the first set.
        rng: draws.

    Returns:
        (P, N) whether each is of the first set; P is 0 where a set as it is has fewer than two units.
    """
    observed = (np.arange(len(units)) < first)[None]
    chunks = np.array_split(np.arange(PERMUTATIONS), PERMUTATIONS // CHUNK)
    drawn = [_shuffled(units, first, len(chunk), rng) for chunk in chunks]
    sides = np.concatenate([observed, *drawn])
    one_of_each = np.unique(units, return_index=True)[1]
    count = sides[:, one_of_each].sum(1)
    enough = np.minimum(count, len(one_of_each) - count) >= FEWEST
    return sides[enough] if enough[0] else sides[:0]


def _shuffled(units: Units, first: int, times: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    sizes = np.bincount(units)
    order = rng.permuted(np.tile(np.arange(len(sizes)), (times, 1)), axis=1)
    before = np.cumsum(sizes[order], axis=1) - sizes[order] / 2
    chosen = np.empty(order.shape, bool)
    np.put_along_axis(chosen, order, before <= first, axis=1)
    return chosen[:, units]
