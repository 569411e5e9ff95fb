import numpy as np
import pytest
from scipy.stats import anderson_ksamp, spearmanr

from evaluation.fidelity.mmd import pooled_sides
from evaluation.fidelity.two_sample_test import (
    largest_deviations,
    neighbour_agreement,
    two_sample_p,
)


def sets(seed, shift=0.0, count=60):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(count, 8)), rng.normal(size=(count, 8))
    a[:, 3] += shift
    return a, b


# SciPy only warns that its p-value is clipped or computed otherwise; the statistic is compared.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_deviations_rise_with_scipys():
    """SciPy standardises the same sum, so that the two rank sets of equal size alike."""
    ours, theirs = [], []
    for seed in range(20):
        a, b = (part[:, :1] for part in sets(seed, count=30))
        a = a + 0.05 * seed
        pooled, _, sides = pooled_sides(a, b)
        ours.append(largest_deviations(pooled, sides[:1])[0])
        theirs.append(anderson_ksamp([a[:, 0], b[:, 0]], variant="right").statistic)
    assert spearmanr(ours, theirs).statistic == pytest.approx(1)


def test_deviation_by_hand():
    # a = 1, 2 and b = 3, 4. F - G after 1, 2, 3: 1/2, 1, 1/2; H: 1/4, 1/2, 3/4.
    # (1/4) / (3/16) + 1 / (1/4) + (1/4) / (3/16) = 4/3 + 4 + 4/3 = 20/3; over 4: 5/3.
    pooled = np.array([[1.0], [2.0], [3.0], [4.0]])
    assert largest_deviations(pooled, np.array([[1.0, 1, 0, 0]])) == pytest.approx(5 / 3)


def test_neighbours_by_hand():
    # Of 0, 1, 10, 12 the nearest are 1, 0, 12, 10: all of one's own side, 1 + 1.
    # Were 1 and 10 to change sides, none would be.
    pooled = np.array([[0.0], [1.0], [10.0], [12.0]])
    sides = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0]])
    units = np.arange(4)
    assert neighbour_agreement(pooled, units, sides, nearest=1).tolist() == [2, 0]
    # Of one unit, 0 and 1 are no neighbours: theirs is 10 then.
    found = neighbour_agreement(pooled, np.array([0, 0, 1, 2]), sides[:1], nearest=1)
    assert found.tolist() == [1]


def test_a_shift_of_one_feature_among_many_is_found():
    a, b = sets(0, shift=1.5)
    assert two_sample_p(a, b) <= 0.002


def test_a_change_of_correlation_that_no_single_feature_shows_is_found():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 2)), rng.normal(size=(300, 2))
    a[:, 1] = a[:, 0] + 0.1 * a[:, 1]
    assert two_sample_p(a, b) <= 0.002


def test_p_values_of_equal_distributions_are_uniform():
    """Of 40 tests the share below 0.2 is 0.2; 16 or more happen once in 500 times."""
    p = np.array([two_sample_p(*sets(seed)) for seed in range(40)])
    assert (p <= 0.2).sum() <= 16
    assert p.max() > 0.6


def test_a_mode_that_is_missing_from_the_middle_is_found():
    rng = np.random.default_rng(0)
    middle = rng.integers(3, size=300)
    b = rng.normal(size=(300, 6)) + 3 * (middle[:, None] - 1)
    a = rng.normal(size=(200, 6)) + 3 * (2 * rng.integers(2, size=200)[:, None] - 1)
    assert two_sample_p(a, b) <= 0.002


def test_units_are_not_split():
    """Ten patients of 30 equal slices each: 300 slices are no 300 observations."""
    rng = np.random.default_rng(1)
    patients = rng.normal(size=(20, 4))
    a, b = (np.repeat(part, 30, axis=0) for part in (patients[:10], patients[10:]))
    units = np.repeat(np.arange(10), 30)
    assert two_sample_p(a, b) <= 0.01
    assert two_sample_p(a, b, units, units) > 0.05


def test_one_vector_cannot_be_tested():
    a, b = sets(0)
    assert np.isnan(two_sample_p(a[:1], b))
    assert np.isnan(two_sample_p(a[:0], b))


def test_one_patient_cannot_be_tested_however_many_images_there_are():
    a, b = sets(0)
    assert np.isnan(two_sample_p(a, b, np.zeros(len(a), int)))
    assert np.isnan(two_sample_p(a, b, None, np.zeros(len(b), int)))


def test_a_patient_of_more_slices_than_there_are_pairs_never_leaves_a_side_empty():
    rng = np.random.default_rng(0)
    ours, real = rng.standard_normal((10, 3)), rng.standard_normal((1000, 3))
    _, _, sides = pooled_sides(ours, real, None, np.repeat(np.arange(40), 25))
    assert sides[0].sum() == 10
    assert min(sides.sum(1).min(), (1 - sides).sum(1).min()) >= 2
