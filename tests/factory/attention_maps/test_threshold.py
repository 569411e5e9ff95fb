"""Thresholds found anew for each map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter

from factory.attention_maps.threshold import decide, heights, margins

MAPS = arrays(np.float32, (2, 4, 5), elements=st.integers(0, 20).map(float))


def test_two_values_are_parted_in_the_middle():
    values = np.array([[[2.0, 2.0, 2.0, 6.0, 6.0]]], np.float32)
    np.testing.assert_allclose(margins(values), [[[-1, -1, -1, 1, 1]]], atol=0.05)
    assert decide(values).tolist() == [[0, 0, 0, 1, 1]]


@pytest.mark.parametrize("blur", [0.5, 2, 4])
@pytest.mark.parametrize("radius", [10, 24])
def test_a_blurred_edge_stays_where_it_is(blur, radius):
    y, x = np.indices((64, 64)) - 31.5
    disc = y**2 + x**2 < radius**2
    seen = 0.3 + 0.2 * gaussian_filter(disc.astype(np.float32), blur)
    found = decide(seen[None]) == 1
    assert (found & disc).sum() / (found | disc).sum() > 0.85


def test_structures_of_few_pixels_and_of_nearly_all_are_found():
    speck = np.zeros((1, 20, 20), np.float32)
    speck[0, 3, 3] = 1
    assert decide(speck).sum() == 1
    assert decide(1 - speck).sum() == 399


def test_a_constant_map_has_nothing_above_it():
    flat = np.full((1, 3, 3), 0.4, np.float32)
    assert heights(flat) == pytest.approx((0.4, 0.4))
    assert (margins(flat) == -1).all()
    assert decide(flat).sum() == 0


def test_the_map_that_lies_highest_above_its_threshold_names_the_pixel():
    # Half heights are 0.5 and 5: at the fourth pixel the margins are 0.6 and 0.2.
    scores = np.array([[[0, 0, 1, 0.8, 0]], [[0, 0, 0, 6, 10]]], np.float32)
    np.testing.assert_allclose(margins(scores)[:, 0, 3], [0.6, 0.2], atol=0.1)
    assert decide(scores).tolist() == [[0, 0, 1, 1, 2]]


def test_a_level_is_stricter_or_more_generous():
    # From the ground at 25 to the peak at 99 of a ramp of 0..100.
    ramp = np.arange(101, dtype=np.float32)[None, None]
    areas = [int((decide(ramp, level) > 0).sum()) for level in (0.5, 0, -0.5)]
    assert areas == [100 - 80, 100 - 62, 100 - 43]


@given(MAPS, st.floats(0.1, 50), st.floats(-5, 5))
def test_decisions_do_not_depend_on_scale_or_offset(scores, scale, offset):
    # Away from the threshold itself, which rounding may move across a pixel.
    clear = (np.abs(margins(scores)) > 1e-2).all(axis=0)
    clear &= np.abs(np.diff(margins(scores), axis=0))[0] > 1e-2
    changed = (scores * scale + offset).astype(np.float32)
    np.testing.assert_array_equal(decide(changed)[clear], decide(scores)[clear])


@given(MAPS)
def test_something_is_named_wherever_a_map_varies(scores):
    varied = any(np.ptp(values) > 0 for values in scores)
    assert decide(scores).any() == varied
    assert margins(scores).max() >= (1 - 1e-5 if varied else -1)
