import math

import numpy as np
import pytest

from evaluation.statistics import weighted_bootstrap
from evaluation.statistics.bootstrap import NOTHING, mean
from evaluation.statistics.weighted_bootstrap import draws, estimate, fewest_units, two_sided

VALUES = np.random.default_rng(0).normal(3, 1, 50)
ALONE = np.arange(50)


def average(weights):
    return weights @ VALUES / weights.sum(1)


def test_of_a_mean_it_is_the_bootstrap_of_means():
    ours, theirs = estimate(average, ALONE, seed=7), mean(VALUES, seed=7)
    assert (ours.value, ours.low, ours.high) == pytest.approx(
        (theirs.value, theirs.low, theirs.high)
    )


def test_chunks_change_no_draw(monkeypatch):
    whole = draws(average, ALONE, seed=1)
    monkeypatch.setattr(weighted_bootstrap, "CELLS", 1000)
    np.testing.assert_allclose(draws(average, ALONE, seed=1), whole, rtol=1e-12)
    assert whole.shape == (2000,)


def test_nothing_one_unit_and_an_undefined_value():
    assert estimate(average, np.zeros(0, int), seed=0) is NOTHING
    one = estimate(average, np.zeros(50, int), seed=0)
    assert one.value == pytest.approx(VALUES.mean())
    assert math.isnan(one.low)
    unknown = estimate(lambda weights: np.full(len(weights), np.nan), ALONE, seed=0)
    assert not unknown.known
    assert unknown.n == 50


def test_resamples_that_lack_something_are_left_out():
    # The mean over all that weigh is only defined where the first observation is drawn.
    found = estimate(lambda w: np.where(w[:, 0] > 0, average(w), np.nan), ALONE, seed=0)
    assert found.low < found.value < found.high
    never = estimate(lambda w: np.where((w == 1).all(1), average(w), np.nan), ALONE, seed=0)
    assert never.known
    assert math.isnan(never.high)


def test_the_rarest_kind_counts():
    units = np.array(["a", "a", "b", "c"])
    assert fewest_units(units) == 3
    assert fewest_units(units, [0, 0, 0, 1]) == 1
    assert fewest_units(units, [0, 1, 0, 1]) == 2


def test_the_p_value_of_a_difference_by_hand():
    # One of four on the rarer side, and the sample itself: twice 2 of 5.
    assert two_sided(np.array([-1.0, 1.0, 2.0, 3.0])) == pytest.approx(0.8)
    assert two_sided(np.array([-1.0, -2.0, -1.0, np.nan])) == pytest.approx(2 / 4)
    assert two_sided(np.zeros(5)) == 1
    assert np.isnan(two_sided(np.array([np.nan])))
