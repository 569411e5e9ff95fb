import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.fidelity.mmd import (
    SCALES,
    Kernel,
    _distances,
    mmd,
    mmd_estimate,
    permutation_p,
    pooled_sides,
)

KERNEL = Kernel(1.0)


def gaussian(squared: float) -> float:
    return float(np.mean([np.exp(-squared / (2 * scale**2)) for scale in SCALES]))


def drawn(count: int, dims: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, dims))


def test_a_distance_worked_out_by_hand() -> None:
    a, b = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    across = (1 + gaussian(4) + gaussian(1) + gaussian(1)) / 4
    expected = gaussian(1) + gaussian(4) - 2 * across
    assert mmd(a, b, KERNEL) == pytest.approx(expected, rel=1e-12)


def test_it_equals_the_double_sum_of_the_formula() -> None:
    a, b = drawn(13, 3, 0), drawn(9, 3, 1, 0.5)

    def mean(x: np.ndarray, y: np.ndarray, *, same: bool) -> float:
        values = [
            gaussian(((p - q) ** 2).sum())
            for i, p in enumerate(x)
            for j, q in enumerate(y)
            if not (same and i == j)
        ]
        return float(np.mean(values))

    expected = mean(a, a, same=True) + mean(b, b, same=True) - 2 * mean(a, b, same=False)
    assert mmd(a, b, KERNEL) == pytest.approx(expected, rel=1e-12)


@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 99))
def test_it_is_symmetric_and_knows_no_order(n: int, m: int, seed: int) -> None:
    a, b = drawn(n, 4, seed), drawn(m, 4, seed + 1)
    value = mmd(a, b, KERNEL)
    assert mmd(b, a, KERNEL) == pytest.approx(value, abs=1e-12)
    assert mmd(a[::-1], b, KERNEL) == pytest.approx(value, abs=1e-12)
    assert -1 <= value <= 2


def test_a_large_set_in_pieces_gives_the_same() -> None:
    a, b = drawn(2500, 2, 0), drawn(50, 2, 1)
    whole = KERNEL.gram(a, a).sum() - len(a)
    other = KERNEL.gram(b, b).sum() - len(b)
    expected = whole / (2500 * 2499) + other / (50 * 49) - 2 * KERNEL.gram(a, b).mean()
    assert mmd(a, b, KERNEL) == pytest.approx(expected, rel=1e-9)


def test_the_bandwidth_is_the_median_distance() -> None:
    assert Kernel.of(np.array([[0.0], [1.0], [3.0]])).bandwidth == 2.0
    assert Kernel.of(np.ones((5, 2))).bandwidth == 1.0


def test_shapes_are_seen_that_moments_do_not_see() -> None:
    rng = np.random.default_rng(0)
    two_humps = rng.choice([-1.0, 1.0], (300, 1))
    normal = rng.normal(0, 1, (300, 1))  # the same mean and variance
    assert permutation_p(two_humps, normal, Kernel.of(normal)) == 0.001


def test_equal_distributions_are_called_different_as_often_as_stated() -> None:
    values = [
        permutation_p(drawn(30, 3, seed), drawn(30, 3, seed + 500), KERNEL, seed=seed)
        for seed in range(60)
    ]
    assert np.mean(np.array(values) <= 0.05) <= 0.12
    assert 0.3 < np.mean(values) < 0.7


def test_the_slices_of_one_patient_do_not_pass_for_many_patients() -> None:
    rng = np.random.default_rng(3)
    patients = rng.normal(0, 1, (12, 2))
    slices = np.repeat(patients, 20, axis=0) + rng.normal(0, 0.05, (240, 2))
    units = np.repeat(np.arange(12), 20)
    other = drawn(240, 2, 4)
    naive = permutation_p(slices, other, KERNEL)
    assert naive <= 0.05 < permutation_p(slices, other, KERNEL, units)


def test_the_interval_holds_the_distance_of_the_distributions() -> None:
    truth = mmd(drawn(3000, 2, 90, 0.7), drawn(3000, 2, 91), KERNEL)
    inside = 0
    for seed in range(20):
        found = mmd_estimate(drawn(80, 2, seed, 0.7), drawn(80, 2, seed + 50), KERNEL)
        inside += found.low <= truth <= found.high
    assert inside >= 17


def test_vectors_of_one_patient_are_not_compared_by_hand() -> None:
    """0 and 1 are of one patient, so that only 0 with 3 and 1 with 3 say how alike patients are."""
    a, b = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [2.0]])
    across = [gaussian((x - y) ** 2) for x in (0, 1, 3) for y in (0, 2)]
    expected = (gaussian(9) + gaussian(4)) / 2 + gaussian(4) - 2 * np.mean(across)
    units = np.array([7, 7, 4])
    assert mmd(a, b, KERNEL, units) == pytest.approx(expected, rel=1e-12)
    assert mmd(b, a, KERNEL, None, units) == pytest.approx(expected, rel=1e-12)
    assert mmd_estimate(a, b, KERNEL, units).value == pytest.approx(expected, rel=1e-12)


def test_patients_of_many_slices_look_no_farther_apart_than_they_are() -> None:
    """All patients are drawn alike; each has five slices, which are nearly the same."""
    units, aware, naive = np.repeat(np.arange(10), 5), [], []
    for seed in range(40):
        a, b = (np.repeat(drawn(10, 2, seed + at), 5, axis=0) for at in (0, 1000))
        aware.append(mmd(a, b, KERNEL, units, units))
        naive.append(mmd(a, b, KERNEL))
    error = np.std(aware) / np.sqrt(len(aware))
    assert abs(np.mean(aware)) < 3 * error
    assert np.mean(naive) > 10 * error


def test_the_test_ranks_the_distance_that_is_told() -> None:
    a, b, units = drawn(30, 2, 0), drawn(24, 2, 1), np.repeat(np.arange(6), 5)
    pooled, numbers, sides = pooled_sides(a, b, units, None)
    found = _distances(KERNEL.gram(pooled, pooled), numbers, sides)
    assert found[0] == pytest.approx(mmd(a, b, KERNEL, units), rel=1e-9)
    one, other = (pooled[sides[5] == side] for side in (1, 0))
    of_one, of_other = (numbers[sides[5] == side] for side in (1, 0))
    assert found[5] == pytest.approx(mmd(one, other, KERNEL, of_one, of_other), rel=1e-9)


def test_one_patient_has_no_distance() -> None:
    a, b, one = drawn(6, 2, 0), drawn(9, 2, 1), np.zeros(6, int)
    assert np.isnan(mmd(a, b, KERNEL, one))
    assert np.isnan(mmd_estimate(b, a, KERNEL, None, one).value)
    assert np.isnan(permutation_p(a, b, KERNEL, one))


def test_degenerate_sets() -> None:
    one, many = drawn(1, 2, 0), drawn(5, 2, 1)
    assert np.isnan(mmd(one, many, KERNEL))
    assert np.isnan(permutation_p(one, many, KERNEL))
    constant = np.ones((4, 2))
    assert mmd(constant, constant, KERNEL) == pytest.approx(0, abs=1e-12)
    assert permutation_p(constant, constant, KERNEL) == 1.0
    few = mmd_estimate(drawn(3, 2, 0), many, KERNEL)
    assert np.isfinite(few.value)
    assert np.isnan(few.low)
    with pytest.raises(ValueError, match="not finite"):
        mmd(np.full((3, 2), np.nan), many, KERNEL)
    with pytest.raises(ValueError, match="dimensions"):
        mmd(drawn(3, 3, 0), many, KERNEL)


def test_values_are_the_mean_of_three_gaussians_to_the_bit() -> None:
    a, b = drawn(40, 5, 0), drawn(30, 5, 1)
    squared = ((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T).clip(0)
    expected = np.mean([np.exp(squared / (-2 * (scale * 1.7) ** 2)) for scale in SCALES], axis=0)
    np.testing.assert_array_equal(Kernel(1.7).gram(a, b), expected)
