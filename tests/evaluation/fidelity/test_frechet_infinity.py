import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.fidelity.frechet import frechet
from evaluation.fidelity.frechet_infinity import frechet_infinity


def features(count, dimensions, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, dimensions)) + shift


def test_the_bias_of_few_vectors_is_gone():
    # Two normals 0.3 apart in each of 12 dimensions: 12 · 0.3² = 1.08 with endlessly many.
    sets = [(features(60, 12, seed, 0.3), features(50, 12, seed + 99)) for seed in range(6)]
    raw = np.mean([frechet(a, b) for a, b in sets])
    endless = [frechet_infinity(a, b, seed=i) for i, (a, b) in enumerate(sets)]
    assert raw > 2 * 1.08
    assert np.mean([e.value for e in endless]) == pytest.approx(1.08, abs=0.4)
    assert sum(e.low < 1.08 < e.high for e in endless) >= 5
    assert {e.n for e in endless} == {60}


def test_a_straight_line_is_followed_to_its_end(monkeypatch):
    # A "distance" of 7 + 30 / n of equal halves: only its 7 stays.
    def line(a, b):
        return 7 + 15 / a.count + 15 / b.count

    monkeypatch.setattr("evaluation.fidelity.frechet_infinity.frechet_of_moments", line)
    assert frechet_infinity(features(40, 2), features(40, 2, 1)).value == pytest.approx(7)


def test_below_as_many_vectors_as_dimensions_nothing_is_claimed():
    for n, m in ((11, 40), (40, 11), (0, 40), (1, 1)):
        found = frechet_infinity(features(n, 12), features(m, 12, 1))
        assert math.isnan(found.value)
        assert found.n == n
    assert frechet_infinity(features(12, 12), features(12, 12, 1)).known


def test_few_patients_are_too_few():
    a = features(60, 3)
    assert math.isnan(frechet_infinity(a, features(60, 3, 1), np.arange(60) // 20).value)


@settings(max_examples=3)
@given(seed=st.integers(0, 99))
def test_it_is_symmetric_and_blind_to_rotation_and_shift(seed):
    a, b = features(20, 3, seed), features(20, 3, seed + 1, 0.5)
    turn, _ = np.linalg.qr(features(3, 3, seed + 2))
    value = frechet_infinity(a, b).value
    assert frechet_infinity(a @ turn + 5, b @ turn + 5).value == pytest.approx(value, abs=1e-6)


def test_constant_and_broken_features():
    assert frechet_infinity(np.ones((9, 2)), np.full((9, 2), 2.0)).value == pytest.approx(2)
    bad = features(9, 2)
    bad[0, 1] = np.nan
    with pytest.raises(ValueError, match=r"columns \[1\] are not finite"):
        frechet_infinity(bad, features(9, 2))
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        frechet_infinity(features(9, 2), features(9, 3))
