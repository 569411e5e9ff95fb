import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from evaluation.kernel import Kernel, permuted_sides
from evaluation.shift import largest_gaps, shift_p


def sets(seed, shift=0.0, count=60):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(count, 8)), rng.normal(size=(count, 8))
    a[:, 3] += shift
    return a, b


@given(st.integers(0, 200))
def test_the_largest_gap_is_scipys(seed):
    a, b = sets(seed, count=20)
    a[:, 0], b[:, 0] = a[:, 0].round(), b[:, 0].round()  # ties
    pooled, sides = permuted_sides(a, b)
    theirs = max(ks_2samp(a[:, i], b[:, i]).statistic for i in range(8))
    assert largest_gaps(pooled, sides[:1])[0] == pytest.approx(theirs)


def test_a_shift_of_one_feature_among_many_is_found():
    a, b = sets(0, shift=1.5)
    assert shift_p(a, b, Kernel.of(b)) <= 0.002


def test_a_change_of_correlation_that_no_single_feature_shows_is_found():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 2)), rng.normal(size=(300, 2))
    a[:, 1] = a[:, 0] + 0.1 * a[:, 1]
    assert shift_p(a, b, Kernel.of(b)) <= 0.002


def test_p_values_of_equal_distributions_are_uniform():
    """Of 40 tests the share below 0.2 is 0.2; 16 or more happen once in 500 times."""
    p = np.array([shift_p(*sets(seed), Kernel(4.0)) for seed in range(40)])
    assert (p <= 0.2).sum() <= 16
    assert p.max() > 0.6


def test_units_are_not_split():
    """Ten patients of 30 equal slices each: 300 slices are no 300 observations."""
    rng = np.random.default_rng(1)
    patients = rng.normal(size=(20, 4))
    a, b = (np.repeat(part, 30, axis=0) for part in (patients[:10], patients[10:]))
    units = np.repeat(np.arange(10), 30)
    assert shift_p(a, b, Kernel.of(b)) <= 0.01
    assert shift_p(a, b, Kernel.of(b), units, units) > 0.05


def test_one_vector_cannot_be_tested():
    a, b = sets(0)
    assert np.isnan(shift_p(a[:1], b, Kernel.of(b)))
