import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.features.regions import TRAITS, regions

FLOOR = 0.5
SIZE = 64
Y, X = np.mgrid[:SIZE, :SIZE]


def pair(values, mask):
    return np.asarray(values, np.uint8)[None, ..., None], np.asarray(mask, np.uint8)[None]


def test_a_straight_contour_has_the_traits_that_one_works_out_by_hand():
    """Left half 150, right half 50, the left one masked: the image's deviation is 50."""
    left = X < SIZE // 2
    found = regions(*pair(np.where(left, 150, 50), left))
    contrast, gradient, spread = found.traits[0]
    assert contrast == pytest.approx(100 / (50 + FLOOR))
    # The derivative of a Gaussian of 1 px beside a step of 100: Σ k g(k) over k ≥ 1 of it, 0.364;
    # over a row the gradient sums up to the step, so its mean is a 64th of that.
    assert gradient == pytest.approx(math.log10((36.4 + FLOOR) / (100 / SIZE + FLOOR)), abs=0.01)
    assert spread == pytest.approx(math.log10(FLOOR / (50 + FLOOR)))
    assert (found.label.tolist(), found.image.tolist()) == ([1], [0])


def test_the_ring_is_five_pixels_wide_and_leaves_out_its_own_class():
    values, mask = np.full((SIZE, SIZE), 100), np.zeros((SIZE, SIZE), int)
    mask[20:30, 20:30] = 1
    distance = np.maximum(np.maximum(20 - Y, Y - 29), np.maximum(20 - X, X - 29))
    values[distance > 5] = 250  # beyond the ring, corners included
    mask[20:30, 32:42] = 1
    values[20:30, 32:42] = 250  # of its own class, within the ring
    found = regions(*pair(values, mask))
    assert found.traits[0, 0] == pytest.approx(0, abs=0.01)
    assert found.traits[1, 0] > 0.5


def test_every_piece_of_every_class_is_a_region_and_specks_are_none():
    mask = np.zeros((SIZE, SIZE), int)
    mask[4:12, 4:12] = 1
    mask[40:50, 40:50] = 1
    mask[40:50, 4:20] = 2
    mask[60, 60:63] = 2  # three pixels: less than a thousandth
    found = regions(*pair(np.random.default_rng(0).integers(0, 255, (SIZE, SIZE)), mask))
    assert found.label.tolist() == [1, 1, 2]
    assert np.isfinite(found.traits).all()
    assert found.traits.shape == (3, len(TRAITS))


def test_where_there_is_no_outside_there_is_no_region():
    values = np.full((SIZE, SIZE), 90)
    assert not len(regions(*pair(values, values * 0)).label)
    assert not len(regions(*pair(values, values * 0 + 1)).label)
    empty = np.zeros((0, SIZE, SIZE), np.uint8)
    assert regions(empty[..., None], empty).traits.shape == (0, 3)


def test_a_constant_image_has_no_contrast_and_no_gradient():
    disc = np.hypot(Y - 32, X - 32) < 10
    assert regions(*pair(np.full((SIZE, SIZE), 90), disc)).traits[0] == pytest.approx([0, 0, 0])


@settings(max_examples=15)
@given(seed=st.integers(0, 99), offset=st.integers(-40, 40))
def test_brightness_mirrors_and_neighbours_in_the_set_do_not_matter(seed, offset):
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 200, (3, 48, 48, 1)).astype(np.uint8)
    masks = np.zeros((3, 48, 48), np.uint8)
    for mask, (y, x) in zip(masks, rng.integers(4, 30, (3, 2)), strict=True):
        mask[y : y + 9, x : x + 7] = 1
    whole = regions(images, masks)
    alone = np.concatenate([regions(images[i : i + 1], masks[i : i + 1]).traits for i in range(3)])
    np.testing.assert_array_equal(whole.traits, alone)
    flipped = regions(images[:, :, ::-1], masks[:, :, ::-1]).traits
    np.testing.assert_allclose(flipped, whole.traits, atol=1e-4)
    brighter = regions((images.astype(int) + offset).astype(np.uint8), masks).traits
    np.testing.assert_allclose(brighter, whole.traits, atol=1e-3)
