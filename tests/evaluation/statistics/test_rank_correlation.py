"""Rank correlation: scipy's value, any rising scale, and what cannot be known."""

import math

import numpy as np
import pytest
from scipy import stats

from evaluation.statistics.rank_correlation import rank_correlation

DRAW = np.random.default_rng(0)
FIRST = DRAW.integers(0, 5, 40).astype(float)
SECOND = FIRST + DRAW.normal(0, 2, 40)


def test_full_agreement_is_1_and_no_bound_above():
    found = rank_correlation(np.arange(28), np.arange(28))
    assert found.value == found.high == pytest.approx(1)


def test_it_is_scipys_with_ties():
    found = rank_correlation(FIRST, SECOND)
    assert found.value == pytest.approx(stats.spearmanr(FIRST, SECOND).statistic)
    assert found.low < found.value < found.high
    assert rank_correlation(FIRST, np.exp(SECOND)) == found


def test_the_interval_by_hand():
    """1 - 6 * 4 / (5 * 24) = 0.8; arctanh 1.0986 -+ 1.96 sqrt(1.32 / 2), that is -0.494 and 2.691."""
    found = rank_correlation([1, 2, 3, 4, 5], [2, 1, 3, 5, 4])
    assert found.value == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((-0.457, 0.991), abs=1e-3)


def test_a_constant_says_nothing():
    assert math.isnan(rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert rank_correlation([], []).n == 0
    assert math.isnan(rank_correlation([1, 2, 3], [1, 3, 2]).low)
