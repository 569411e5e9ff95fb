"""Accuracy and d' of readers: known answers, extremes, and what no preference may change."""

import math

import numpy as np
import pytest
from scipy import stats

from evaluation.reading.detection import detection

TRUTH = np.arange(60) < 30


def said(hits, alarms):
    """Answers of a reader who calls so many of 30 synthetic and of 30 real images synthetic."""
    return np.concatenate([np.arange(30) < hits, np.arange(30) < alarms])


def test_d_prime_by_hand():
    """24.5 / 31 = 0.790 and 6.5 / 31 = 0.210 lie 0.8074 to both sides of the middle."""
    found = detection(TRUTH, said(24, 6))
    assert found.d_prime.value == pytest.approx(2 * stats.norm.ppf(24.5 / 31))
    assert found.d_prime.value == pytest.approx(1.615, abs=1e-3)
    assert found.criterion == pytest.approx(0, abs=1e-12)
    assert found.accuracy.value == 0.8
    assert (found.confusion.synthetic_as_real, found.confusion.real_as_synthetic) == (6, 6)


def test_a_reader_who_is_always_right_has_no_upper_bound():
    found = detection(TRUTH, TRUTH)
    assert found.d_prime.high == math.inf
    assert found.d_prime.low > 2
    assert found.accuracy.low == pytest.approx(0.025 ** (1 / 60))  # Clopper and Pearson's


def test_a_reader_who_is_always_wrong_mirrors_one_who_is_right():
    right, wrong = detection(TRUTH, TRUTH), detection(TRUTH, ~TRUTH)
    assert wrong.d_prime.value == -right.d_prime.value
    assert (wrong.d_prime.low, wrong.d_prime.high) == (-math.inf, -right.d_prime.low)


@pytest.mark.parametrize("share", [0, 12, 30])
def test_who_cannot_tell_has_0_whatever_he_prefers_to_say(share):
    found = detection(TRUTH, said(share, share))
    assert found.d_prime.value == 0
    assert found.d_prime.low < 0 < found.d_prime.high
    assert found.criterion == pytest.approx(-stats.norm.ppf((share + 0.5) / 31))


def test_with_one_kind_of_image_nothing_is_told_apart():
    found = detection(TRUTH[:30], TRUTH[:30])
    assert math.isnan(found.d_prime.value)
    assert found.accuracy.value == 1


def test_readers_who_see_the_same_are_worth_one():
    called = said(20, 12)
    units = np.tile(np.arange(60), 3)
    one, three = detection(TRUTH, called), detection(np.tile(TRUTH, 3), np.tile(called, 3), units)
    assert three.accuracy.value == one.accuracy.value
    assert three.accuracy.low == pytest.approx(one.accuracy.low, abs=0.01)
    assert three.accuracy.n == 180
