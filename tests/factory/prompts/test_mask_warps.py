"""Warped masks; answers known by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.prompts.masks.section import MasksSection
from factory.prompts.masks.warps import (
    draw_field,
    folds,
    is_plausible,
    measure,
    neighbours,
    plausible_warp,
    ranges_of,
    warp,
)

NONE = MasksSection(rotate=0, scale=0, shift=0, elastic=0)


def discs(side=48, offset=0):
    """A disc of class 2 within a disc of class 1, beside a bar of class 3."""
    rows, columns = np.indices((side, side))
    mask = np.zeros((side, side), np.uint8)
    apart = np.hypot(rows - side / 2 - offset, columns - side / 3)
    mask[apart < side / 4], mask[apart < side / 9] = 1, 2
    mask[side // 4 : -side // 4, -side // 6 : -side // 12] = 3
    return mask


MASK = discs()
RANGES = ranges_of([MASK, discs(offset=2)])


def test_no_strength_is_the_identity():
    assert np.array_equal(plausible_warp(MASK, 7, NONE, RANGES), MASK)
    speckled = np.random.default_rng(0).integers(0, 4, (20, 30)).astype(np.uint8)
    still = draw_field(speckled.shape, np.random.default_rng(1), NONE)
    assert np.array_equal(warp(speckled, still), speckled)


def test_the_seed_alone_decides():
    first = plausible_warp(MASK, 7, MasksSection(), RANGES)
    assert np.array_equal(first, plausible_warp(MASK.copy(), 7, MasksSection(), RANGES))
    assert not np.array_equal(first, plausible_warp(MASK, 8, MasksSection(), RANGES))
    assert not np.array_equal(first, MASK)


@given(st.integers(0, 2**64 - 1), st.integers(-3, 3))
@settings(max_examples=30)
def test_classes_and_their_neighbours_are_kept_within_the_ranges(seed, offset):
    mask = discs(offset=offset)
    wild = MasksSection(rotate=60, scale=0.4, shift=0.3, elastic=0.05)
    found = plausible_warp(mask, seed, wild, ranges_of([mask]))
    assert found.dtype == mask.dtype
    assert neighbours(found) == neighbours(mask) == {(0, 1), (0, 3), (1, 2)}
    for index, (area, *centroid) in measure(mask).items():
        warped, *moved = measure(found)[index]
        assert area / 1.25 <= warped <= area * 1.25
        assert np.abs(np.subtract(moved, centroid)).max() <= 0.05


def test_a_mask_that_no_warp_suits_stays_as_it_is():
    corner = np.zeros((32, 32), np.uint8)
    corner[0, 0] = 1
    far = MasksSection(rotate=0, scale=0, shift=0.5, elastic=0)
    tight = {1: np.array([[0.9, 0.5, 0.5], [1.0, 0.5, 0.5]])}
    assert np.array_equal(plausible_warp(corner, 3, far, tight), corner)


def test_measures_by_hand():
    mask = np.zeros((4, 8), np.uint8)
    mask[0, :2] = 5
    assert measure(mask).keys() == {5}
    assert measure(mask)[5] == pytest.approx([2 / 32, 0.5 / 4, 1 / 8])
    other = np.zeros((4, 8), np.uint8)
    other[3, 4:] = 5
    assert ranges_of([mask, other])[5] == pytest.approx(
        np.array([[2 / 32, 0.5 / 4, 1 / 8], [4 / 32, 3.5 / 4, 6 / 8]])
    )


def test_a_shift_moves_the_mask_and_a_class_in_another_place_is_not_plausible():
    mask = np.zeros((20, 20), np.uint8)
    mask[8:12, 8:12] = 1
    moved = warp(mask, np.indices(mask.shape, dtype=float) - 3)
    assert np.array_equal(np.argwhere(moved), np.argwhere(mask) + 3)
    assert is_plausible(mask, mask, ranges_of([mask]))
    assert not is_plausible(moved, mask, ranges_of([mask]))
    assert is_plausible(moved, mask, ranges_of([mask, moved]))
    assert not is_plausible(mask * 2, mask, ranges_of([mask, mask * 2]))


def test_outlines_stay_smooth_where_the_nearest_pixel_would_make_steps():
    # A disc of 6 pixels enlarged five times, against one of 30 drawn as such.
    rows, columns = np.indices((80, 80)) - 39.5
    small, large = ((np.hypot(rows, columns) < r).astype(np.uint8) for r in (6, 30))
    field = np.stack([rows, columns]) / 5 + 39.5
    found, stepped = warp(small, field), small[tuple(np.rint(field).astype(int))]
    assert np.sum(found != large) < 0.7 * np.sum(stepped != large)


def test_a_field_that_turns_back_folds():
    field = np.indices((8, 8), dtype=float)
    assert not folds(field)
    assert folds(field[:, ::-1])


def test_one_seed_bends_all_sizes_alike():
    small, large = (
        draw_field((side, side), np.random.default_rng(5), MasksSection()) for side in (33, 65)
    )
    assert large[:, ::2, ::2] / 64 == pytest.approx(small / 32, abs=0.002)
