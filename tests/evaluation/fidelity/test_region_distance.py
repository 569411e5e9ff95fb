import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.features.handcrafted import RobustScale
from evaluation.features.regions import TRAITS
from evaluation.fidelity.region_distance import RegionSample, region_distance
from evaluation.gating.version_gates import decide
from evaluation.metrics.registry import Score


def sample(values, label=1, unit=None):
    values = np.asarray(values, float)
    traits = np.repeat(values[:, None], len(TRAITS), axis=1)
    units = np.arange(len(values)) if unit is None else np.asarray(unit)
    return RegionSample(np.full(len(values), label), units, traits)


def joined(*parts):
    names = ("label", "unit", "traits")
    return RegionSample(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


REAL = np.random.default_rng(0).normal(0, 1, 200)
SPREAD = RobustScale.fit(REAL[:, None]).scale[0]


@settings(max_examples=20)
@given(shift=st.floats(-3, 3))
def test_values_that_have_moved_lie_as_far_as_they_moved(shift):
    found = region_distance(sample(REAL + shift * SPREAD), sample(REAL), "contrast", seed=0)
    assert found.value == pytest.approx(abs(shift), abs=0.06)
    assert 0 <= found.low <= found.value <= found.high


def test_a_wider_distribution_is_another_one():
    # Of x and 2x the distance is the mean of |x|: 0.8 standard deviations of a normal variable.
    found = region_distance(sample(2 * REAL), sample(REAL), "spread", seed=0)
    assert found.value == pytest.approx(np.abs(REAL).mean() / SPREAD, abs=0.06)


def test_nothing_is_farther_than_the_ends_of_the_scale():
    assert region_distance(sample(REAL + 1e6), sample(REAL), "gradient", seed=0).value < 6.5


def test_classes_count_alike_however_many_regions_they_have():
    real = joined(sample(REAL), sample(REAL, 2))
    ours = joined(sample(REAL), sample(REAL[:20] + 2 * SPREAD, 2))
    found = region_distance(ours, real, "contrast", seed=0)
    assert found.value == pytest.approx(1, abs=0.2)
    assert found.n == 220


def test_a_class_without_enough_real_regions_does_not_count():
    real = joined(sample(REAL), sample(REAL[:4], 2))
    ours = joined(sample(REAL), sample(REAL + 3, 2))
    found = region_distance(ours, real, "contrast", seed=0)
    assert (found.value, found.n) == (0, 200)
    nothing = region_distance(sample(REAL, 2), sample(REAL[:4], 2), "contrast", seed=0)
    assert (nothing.known, nothing.n) == (False, 0)


def test_a_class_that_was_never_drawn_leaves_the_distance_unknown():
    real = joined(sample(REAL), sample(REAL[:5], 2))
    found = region_distance(sample(REAL), real, "contrast", seed=0)
    assert (found.known, found.n, math.isnan(found.high)) == (False, 200, True)
    assert not decide(
        {"region_contrast": "<= 6"}, {"region_contrast": Score.of("region_contrast", found)}
    ).passed


def test_regions_of_one_patient_are_resampled_together():
    values, patients = np.repeat(REAL[:20], 10), np.repeat(np.arange(20), 10)
    apart = region_distance(sample(values), sample(REAL), "contrast", seed=0)
    together = region_distance(sample(values, unit=patients), sample(REAL), "contrast", seed=0)
    assert together.value == apart.value
    assert together.high - together.low > 1.3 * (apart.high - apart.low)
    one = region_distance(sample(REAL, unit=REAL * 0), sample(REAL), "contrast", seed=0)
    assert one.known
    assert math.isnan(one.low)
