import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from evaluation.fidelity.prdc import Prdc, knn_radius, prdc


def drawn(count: int, dims: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, dims))


def test_four_numbers_worked_out_by_hand() -> None:
    real = np.array([[0.0], [1.0], [3.0]])  # radius to the nearest other: 1, 1, 2
    synthetic = np.array([[0.5], [0.6], [9.0]])  # radius: 0.1, 0.1, 8.4
    found = prdc(synthetic, real, nearest=1)
    # 0.5 lies in the balls of 0 and 1; so does 0.6; 9 in none, and nothing in the ball of 3 ...
    assert found.precision == pytest.approx(2 / 3)
    assert found.density == pytest.approx(4 / 3)
    assert found.coverage == pytest.approx(2 / 3)
    # ... while the outlier's ball, from 0.6 on, holds 1 and 3 but not 0.
    assert found.recall == pytest.approx(2 / 3)


@given(st.integers(6, 40), st.integers(6, 40), st.integers(0, 99), st.integers(1, 5))
def test_they_equal_the_definitions_over_full_matrices(n: int, m: int, seed: int, k: int) -> None:
    ours, real = drawn(n, 3, seed), drawn(m, 3, seed + 1, 0.5)
    apart = cdist(ours, real)
    our_radius = np.sort(cdist(ours, ours), axis=1)[:, k]
    their_radius = np.sort(cdist(real, real), axis=1)[:, k]
    within = apart < their_radius
    found = prdc(ours, real, nearest=k)
    assert found.precision == pytest.approx(within.any(1).mean())
    assert found.density == pytest.approx(within.sum() / (k * n))
    assert found.coverage == pytest.approx(within.any(0).mean())
    assert found.recall == pytest.approx((apart < our_radius[:, None]).any(0).mean())


def test_they_equal_those_of_the_authors_package() -> None:
    authors = pytest.importorskip("prdc")
    ours, real = drawn(80, 6, 0), drawn(60, 6, 1, 0.4)
    theirs = authors.compute_prdc(real, ours, nearest_k=5)
    for name, value in vars(prdc(ours, real)).items():
        assert value == pytest.approx(theirs[name], rel=1e-12)


def test_precision_and_recall_change_places_with_the_sets() -> None:
    a, b = drawn(40, 2, 0), drawn(30, 2, 1, 1.0)
    assert prdc(a, b).precision == prdc(b, a).recall


def test_a_dropped_mode_costs_coverage_and_not_precision() -> None:
    real = np.concatenate([drawn(100, 2, 0), drawn(100, 2, 1, 8.0)])
    one_mode = prdc(drawn(200, 2, 2), real)
    both = prdc(np.concatenate([drawn(100, 2, 3), drawn(100, 2, 4, 8.0)]), real)
    assert one_mode.precision > 0.9
    assert one_mode.coverage < 0.55
    assert both.coverage > 0.9


def test_many_vectors_in_pieces_give_the_same() -> None:
    many = drawn(2100, 2, 5)
    np.testing.assert_allclose(knn_radius(many, 3), np.sort(cdist(many, many), axis=1)[:, 3])


def test_degenerate_sets() -> None:
    few, many = drawn(5, 2, 0), drawn(30, 2, 1)
    assert all(np.isnan(value) for value in vars(prdc(few, many)).values())
    constant = np.ones((10, 2))
    assert prdc(constant, constant) == Prdc(0, 0, 0, 0)
    with pytest.raises(ValueError, match="not finite"):
        prdc(np.full((9, 2), np.inf), many)
    with pytest.raises(ValueError, match="at least 1"):
        prdc(many, many, nearest=0)
