"""Thresholds found anew for each map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from factory.attention_maps.threshold import decide, margins, otsu_threshold

MAPS = arrays(np.float32, (2, 4, 5), elements=st.integers(0, 20).map(float))


def test_two_values_are_parted_in_the_middle():
    assert otsu_threshold(np.array([2.0, 2.0, 2.0, 6.0])) == pytest.approx(4.0, abs=0.02)


def test_otsu_maximises_the_variance_between_groups():
    values = np.random.default_rng(0).normal(0, 1, 500)
    values[:60] += 6
    found = otsu_threshold(values)

    def between(t):
        low, high = values[values <= t], values[values > t]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2

    assert between(found) >= 0.999 * max(between(t) for t in np.sort(values)[1:-2])


def test_a_constant_map_has_nothing_above_it():
    flat = np.full((1, 3, 3), 0.4, np.float32)
    assert otsu_threshold(flat) == pytest.approx(0.4)
    assert margins(flat).tolist() == np.full((1, 3, 3), -1).tolist()
    assert decide(flat).sum() == 0


def test_the_map_that_lies_highest_above_its_threshold_names_the_pixel():
    # Map 0 is parted at 0.5, map 1 at 5: at the middle pixel margins are 0.6 and 0.4.
    scores = np.array([[[0, 0.8, 1, 0]], [[0, 7, 0, 10]]], np.float32)
    np.testing.assert_allclose(margins(scores)[:, 0, [2, 3]].diagonal(), 1)
    assert decide(scores).tolist() == [[0, 1, 1, 2]]


def test_a_level_is_stricter_or_more_generous():
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None, None]
    areas = [int((decide(ramp, level) > 0).sum()) for level in (0.5, 0, -0.5)]
    np.testing.assert_allclose(areas, [25, 50, 75], atol=1)


@given(MAPS, st.floats(0.1, 50), st.floats(-5, 5))
def test_decisions_do_not_depend_on_scale_or_offset(scores, scale, offset):
    # Away from the threshold itself, which rounding may move across a pixel.
    clear = (np.abs(margins(scores)) > 1e-2).all(axis=0)
    changed = (scores * scale + offset).astype(np.float32)
    gap = np.abs(np.diff(margins(scores), axis=0))[0] > 1e-2
    np.testing.assert_array_equal(decide(changed)[clear & gap], decide(scores)[clear & gap])


@given(MAPS)
def test_the_peak_of_some_map_is_always_named(scores):
    varied = any(np.ptp(values) > 0 for values in scores)
    assert decide(scores).any() == varied
    assert margins(scores).max() == (1 if varied else -1)
