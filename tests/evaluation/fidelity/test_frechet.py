import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.fidelity.frechet import Moments, frechet, frechet_estimate, frechet_of_moments


def features(count, dimensions, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, dimensions)) + shift


def by_square_root(a, b):
    """The textbook form, with scipy's general matrix square root."""
    cross = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    gap = a.mean(0) - b.mean(0)
    return gap @ gap + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * cross)


def test_two_normals_on_a_line():
    # Samples (0, 2) and (3, 7): means 1 and 5, variances 2 and 8.
    # (1 - 5)² + 2 + 8 - 2 √(2 · 8) = 16 + 10 - 8 = 18.
    a, b = np.array([[0.0], [2.0]]), np.array([[3.0], [7.0]])
    assert frechet(a, b) == pytest.approx(18)


def test_a_shift_of_three_and_four_is_worth_25():
    a = features(50, 3)
    assert frechet(a, a + np.array([3, 4, 0])) == pytest.approx(25)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 12), (40, 60, 12), (13, 12, 12)])
def test_it_agrees_with_the_matrix_square_root(n, m, d):
    a, b = features(n, d), 1.5 * features(m, d, 1, shift=0.3)
    assert frechet(a, b) == pytest.approx(by_square_root(a, b), rel=1e-6)


def test_fewer_vectors_than_dimensions_take_another_way_to_the_same_number():
    a, b = features(15, 40), 2 * features(20, 40, 1)
    by_moments = frechet_of_moments(Moments.of(a), Moments.of(b))
    assert frechet(a, b) == pytest.approx(by_moments, rel=1e-6)


@pytest.mark.slow
def test_it_agrees_with_monai():
    torch = pytest.importorskip("torch")
    from monai.metrics.fid import get_fid_score

    a, b = features(100, 8), features(90, 8, 1, shift=0.2)
    with pytest.warns(DeprecationWarning, match="disp"):
        theirs = float(get_fid_score(torch.from_numpy(a), torch.from_numpy(b)))
    assert frechet(a, b) == pytest.approx(theirs, rel=1e-6)


@settings(max_examples=20)
@given(n=st.integers(2, 30), m=st.integers(2, 30), d=st.integers(1, 20), seed=st.integers(0, 99))
def test_it_is_symmetric_never_negative_and_blind_to_rotation(n, m, d, seed):
    a, b = features(n, d, seed), features(m, d, seed + 1, shift=0.5)
    turn, _ = np.linalg.qr(features(d, d, seed + 2))
    value = frechet(a, b)
    assert value >= 0
    assert frechet(b, a) == pytest.approx(value, abs=1e-6)
    assert frechet(a @ turn, b @ turn) == pytest.approx(value, abs=1e-6)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 40), max_size=5), seed=st.integers(0, 99))
def test_moments_of_shards_add_up_in_any_order(cuts, seed):
    whole = features(40, 5, seed, shift=1e6)
    order = np.random.default_rng(seed).permutation(len(cuts) + 1)
    parts = [Moments.of(part) for part in np.split(whole, sorted(cuts))]
    total = sum((parts[i] for i in order), start=Moments.zero(5))
    np.testing.assert_allclose(total.mean, whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(total.covariance, np.cov(whole.T), atol=1e-8)
    assert total.count == 40


def test_a_single_vector_has_no_covariance_and_no_distance():
    assert math.isnan(frechet(features(1, 3), features(9, 3)))
    assert math.isnan(frechet(features(9, 3), features(0, 3)))


def test_constant_features_are_no_trouble():
    assert frechet(np.ones((9, 3)), np.ones((7, 3))) == 0.0
    assert frechet(np.ones((9, 3)), np.full((7, 3), 2.0)) == pytest.approx(3)


def test_what_is_not_finite_is_refused_and_named():
    bad = features(5, 3)
    bad[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"columns \[1\] are not finite"):
        frechet(bad, features(5, 3))
    with pytest.raises(ValueError, match="3 and 4 dimensions"):
        frechet(features(5, 3), features(5, 4))


def test_the_interval_is_as_wide_as_repetitions_are():
    estimates = [
        frechet_estimate(features(100, 3, seed), features(100, 3, seed + 500, shift=1.0))
        for seed in range(40)
    ]
    spread = np.std([e.value for e in estimates])
    half = np.mean([(e.high - e.low) / 2 for e in estimates]) / 1.96
    assert half == pytest.approx(spread, rel=0.35)


def test_more_dimensions_than_vectors_do_not_change_the_interval():
    # In 30 dimensions, then in 60, of which the vectors use 30: the second takes the short way.
    a, b = features(20, 30), features(25, 30, 1, shift=0.5)
    turn, _ = np.linalg.qr(features(60, 60, 2))
    short = frechet_estimate(*(np.hstack([x, np.zeros_like(x)]) @ turn for x in (a, b)))
    full = frechet_estimate(a, b)
    assert (short.value, short.low, short.high) == pytest.approx((full.value, full.low, full.high))


def test_wide_features_of_many_vectors_have_no_interval(monkeypatch):
    monkeypatch.setattr("evaluation.fidelity.frechet.MOST", 4)
    found = frechet_estimate(features(30, 5), features(30, 5, 1))
    assert found.value > 0
    assert math.isnan(found.low)


def test_patients_are_left_out_whole():
    a, b = features(60, 2), features(40, 2, 1, shift=1.0)
    slices = np.repeat(a, 5, axis=0)
    units = np.repeat(np.arange(60), 5)
    alone = frechet_estimate(slices, b)
    together = frechet_estimate(slices, b, units)
    assert alone.value == together.value
    assert together.high > alone.high
    few = frechet_estimate(slices, b, units // 20)
    assert math.isnan(few.low)
