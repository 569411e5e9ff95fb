"""Exact shares: scipy's own interval, coverage worked out, and observations that share a unit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.statistics.bootstrap import wilson
from evaluation.statistics.exact_share import exact_interval, exact_share


@settings(max_examples=30)
@given(st.integers(2, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_independent_observations_have_clopper_and_pearsons_interval(counts):
    hits, n = counts
    found = exact_share(np.arange(n) < hits)
    true = stats.binomtest(hits, n).proportion_ci(method="exact")
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((true.low, true.high), abs=1e-9)


def coverage(interval, n, share):
    bounds = [interval(hits, n) for hits in range(n + 1)]
    held = [low <= share <= high for low, high in bounds]
    return float(stats.binom.pmf(np.arange(n + 1), n, share) @ held)


@pytest.mark.parametrize("n", [20, 60, 100])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.8, 0.99])
def test_it_covers_at_least_95_percent_everywhere(n, share):
    assert coverage(exact_interval, n, share) >= 0.95


def test_wilsons_interval_covers_less_where_a_reader_at_chance_is():
    def score(hits, n):
        found = wilson(hits, n)
        return found.low, found.high

    assert coverage(score, 100, 0.5) == pytest.approx(0.943, abs=1e-3)


def test_copies_of_an_observation_add_nothing():
    hits = np.arange(40) < 30
    once = exact_share(hits)
    thrice = exact_share(np.repeat(hits, 3), np.repeat(np.arange(40), 3))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=0.01)


def test_where_all_say_the_same_units_count():
    found = exact_share(np.ones(90, bool), np.repeat(np.arange(30), 3))
    assert found.low == pytest.approx(0.025 ** (1 / 30))


def test_nothing_and_a_single_unit_are_unknown():
    assert exact_share([]).n == 0
    one = exact_share([1, 0], np.array([3, 3]))
    assert one.value == 0.5
    assert math.isnan(one.low)
