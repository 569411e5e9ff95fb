"""Units change sides whole, and no side is left with one of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluation.statistics.permutation import PERMUTATIONS, permuted_sides


@given(st.lists(st.integers(1, 9), min_size=4, max_size=12), st.integers(2, 10), st.integers(0, 9))
def test_units_change_sides_whole(sizes, of_first, seed):
    of_first = min(of_first, len(sizes) - 2)
    units, first = np.repeat(np.arange(len(sizes)), sizes), sum(sizes[:of_first])
    sides = permuted_sides(units, first, np.random.default_rng(seed))
    assert 1 <= len(sides) <= 1 + PERMUTATIONS
    np.testing.assert_array_equal(sides[0], np.arange(len(units)) < first)
    counts = np.stack([sides[:, units == unit].all(1) for unit in range(len(sizes))]).sum(0)
    parts = np.stack([sides[:, units == unit].any(1) for unit in range(len(sizes))]).sum(0)
    np.testing.assert_array_equal(counts, parts)
    assert ((counts >= 2) & (counts <= len(sizes) - 2)).all()


def test_every_unit_is_on_the_first_side_as_often():
    sides = permuted_sides(np.arange(10), 3, np.random.default_rng(0))[1:]
    assert len(sides) == PERMUTATIONS
    assert (sides.sum(1) == 3).all()
    # Of 999 draws of chance 0.3: within four standard deviations.
    assert np.abs(sides.mean(0) - 0.3).max() < 4 * np.sqrt(0.3 * 0.7 / PERMUTATIONS)


def test_a_set_of_one_patient_cannot_be_shuffled():
    units = np.array([0, 0, 0, 1, 2, 3])
    assert not len(permuted_sides(units, 3, np.random.default_rng(0)))
    assert not len(permuted_sides(units, 5, np.random.default_rng(0)))
    assert not len(permuted_sides(np.arange(3), 0, np.random.default_rng(0)))
