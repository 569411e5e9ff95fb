import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.statistics.bootstrap import (
    MANY,
    NOTHING,
    Estimate,
    bca_mean,
    centred_percentile,
    difference,
    function_of_means,
    mean,
    mean_of,
    resampled_means,
    resampled_pair_means,
    wilson,
)
from evaluation.statistics.two_way_bootstrap import crossed_draws, crossed_mean

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


def test_wilson_of_no_successes_among_ten():
    # z² = 3.8415; upper bound z² / (n + z²) = 3.8415 / 13.8415 = 0.2775.
    assert wilson(0, 10) == Estimate(0.0, 0.0, pytest.approx(0.27753, abs=1e-4), 10)


@given(n=st.integers(1, 400), data=st.data())
def test_wilson_agrees_with_scipy(n, data):
    k = data.draw(st.integers(0, n))
    theirs = scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
    ours = wilson(k, n)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_nothing_is_unknown_and_of_too_many_refused():
    assert math.isnan(wilson(0, 0).value)
    with pytest.raises(ValueError, match="3 successes among 2"):
        wilson(3, 2)


def test_no_values_give_no_estimate():
    assert mean([]) is NOTHING
    assert not NOTHING.known


def test_one_unit_has_a_value_and_no_interval():
    estimate = mean([1.0, 3.0], np.array([7, 7]))
    assert estimate.value == 2.0
    assert math.isnan(estimate.low)
    assert estimate.n == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_refused(bad):
    for function in (mean, bca_mean, lambda v: crossed_mean(np.array(v)[:, None], np.arange(3))):
        with pytest.raises(ValueError, match="1 of 3 values are not finite"):
            function([1.0, bad, 2.0])


@settings(max_examples=25)
@given(VALUES)
def test_the_interval_holds_the_value_and_lies_within_the_data(values):
    for function in (mean, bca_mean):
        e = function(values)
        assert e.low <= e.value <= e.high
        assert min(values) - 1e-9 <= e.low
        assert e.high <= max(values) + 1e-9


def test_resampling_many_equal_units_is_resampling_their_means():
    # Every unit twice: as many units, the same means, hence the same draws.
    values = np.array([1.0, 4.0, 9.0])
    doubled = resampled_means(np.repeat(values, 2), np.repeat([0, 1, 2], 2), seed=3)
    np.testing.assert_allclose(doubled, resampled_means(values, seed=3))


def test_columns_are_resampled_together():
    values = np.random.default_rng(0).normal(size=20)
    draws = resampled_means(np.stack([values, values + 1], axis=1), seed=0)
    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 1.0)


def test_the_intervals_agree_with_scipy():
    values = np.random.default_rng(1).exponential(size=40)
    for method, ours in (("percentile", mean(values)), ("BCa", bca_mean(values))):
        theirs = scipy.stats.bootstrap(
            (values,), np.mean, n_resamples=20_000, method=method, rng=np.random.default_rng(0)
        ).confidence_interval
        spread = values.std() / np.sqrt(len(values))
        # Both are Monte Carlo: a tenth of a standard error apart at most.
        assert abs(ours.low - theirs.low) < 0.15 * spread
        assert abs(ours.high - theirs.high) < 0.15 * spread


@pytest.mark.slow
def test_the_interval_of_clustered_means_covers_the_truth():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(25), 4)
    covered = 0
    for seed in range(200):
        values = rng.normal(size=25)[units] + 0.3 * rng.normal(size=100)
        e = mean(values, units, seed=seed)
        covered += e.low <= 0 <= e.high
    assert 0.88 <= covered / 200 <= 0.98
    # Taking the slices of a patient for independent would cover far less.


def test_a_ratio_of_paired_columns():
    table = np.array([[2.0, 1.0], [4.0, 2.0], [6.0, 3.0]])
    e = function_of_means(lambda m: m[:, 0] / m[:, 1], table)
    assert (e.value, e.low, e.high) == pytest.approx((2, 2, 2))


def test_differences_of_independent_estimates():
    # Half widths 3 and 4 make 5.
    a, b = Estimate(10, 7, 13, 50), Estimate(6, 2, 10, 20)
    assert difference(a, b) == Estimate(4, -1.0, 9.0, 20)


def test_the_mean_of_domains():
    # Half widths 3 and 4, in quadrature 5, over two domains 2.5; n are summed.
    both = mean_of([Estimate(1, -2, 4, 10), Estimate(3, -1, 7, 30)])
    assert both == Estimate(2, -0.5, 4.5, 40)
    assert math.isnan(mean_of([Estimate(1, 0, 2, 3), NOTHING]).value)
    assert mean_of([]) is NOTHING


def test_pairs_that_share_an_image_are_not_taken_for_independent():
    rng = np.random.default_rng(0)
    effect = rng.normal(size=12)
    first, second = np.triu_indices(12, 1)
    values = effect[first] + effect[second]
    aware = resampled_pair_means(values, first, second, seed=0).std()
    naive = resampled_means(values, seed=0).std()
    # The mean of a sum over all pairs is twice the mean effect: sd 2 / √12 · sd(effect).
    assert aware == pytest.approx(2 * effect.std() / np.sqrt(12), rel=0.2)
    assert aware > 1.8 * naive


def test_repeats_are_resampled_too():
    values = np.array([[0.1, -0.1], [0.1, -0.1], [0.1, -0.1], [0.1, -0.1]])
    both = crossed_mean(values, np.arange(4))
    # Two repeats, drawn with replacement: both the first, both the second, or one of each.
    assert (both.value, both.low, both.high) == pytest.approx((0, -0.1, 0.1))
    alone = crossed_mean(values[:, :1], np.arange(4))
    assert (alone.low, alone.high) == pytest.approx((0.1, 0.1))


def test_columns_of_repeats_are_resampled_together():
    values = np.random.default_rng(0).normal(size=(6, 3, 1)) + np.array([0.0, 0.2])
    draws = crossed_draws(values, np.array([0, 0, 1, 1, 2, 2]))
    assert draws[:, 1] - draws[:, 0] == pytest.approx(0.2)
    alone = crossed_draws(values[:, :, :1], np.array([0, 0, 1, 1, 2, 2]))
    assert draws[:, 0] == pytest.approx(alone[:, 0])


def test_resamples_of_a_quarter_of_the_units_spread_twice_as_far():
    values = np.random.default_rng(0).normal(size=400)
    whole = resampled_means(values, seed=0).std()
    quarter = resampled_means(values, seed=0, size=100).std()
    assert quarter / whole == pytest.approx(2, rel=0.1)
    assert np.array_equal(
        resampled_means(values, seed=0), resampled_means(values, seed=0, size=400)
    )


def test_many_units_spread_as_the_central_limit_says():
    rng, count = np.random.default_rng(0), MANY + 500
    values = np.stack([rng.exponential(size=count), rng.normal(size=count)], axis=1)
    draws = resampled_means(values, seed=0)
    error = values.std(0) / np.sqrt(count)
    np.testing.assert_allclose(draws.std(0), error, rtol=0.07)
    assert (np.abs(draws.mean(0) - values.mean(0)) < 0.1 * error).all()
    bounds = np.quantile(draws, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(bounds, values.mean(0) + np.outer([-1.96, 1.96], error), atol=0.005)
    np.testing.assert_allclose(
        resampled_means(values, seed=0, size=count // 4).std(0), 2 * error, rtol=0.07
    )


def test_many_units_stay_whole():
    values = np.random.default_rng(0).normal(size=MANY + 500)
    doubled = resampled_means(np.repeat(values, 2), np.repeat(np.arange(len(values)), 2), seed=3)
    np.testing.assert_allclose(doubled, resampled_means(values, seed=3))


def test_what_resampling_raises_is_moved_back():
    draws = np.arange(101.0)  # mean 50, middle 95 %: 2.5 to 97.5
    found = centred_percentile(draws, 10.0, 7)
    assert (found.value, found.low, found.high) == pytest.approx((10, -37.5, 57.5))
