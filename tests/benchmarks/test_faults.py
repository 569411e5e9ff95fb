"""Planted faults are what they say, and the benchmark's draws are fair."""

import numpy as np
import pytest

from benchmarks.faults import alarms, planting, scores
from evaluation.pairs import take


@pytest.fixture(scope="module")
def pool():
    pairs, source = alarms.phantoms("phantom-cardiac-mri", 500)

    return alarms.pooled(pairs, source)


def test_a_shift_moves_every_mask_by_so_many_pixels():
    masks = np.zeros((20, 16, 16), np.uint8)
    masks[:, 6:9, 6:9] = 1
    moved = planting.shifted(masks, 2, np.random.default_rng(0))
    centres = np.stack([np.argwhere(mask).mean(0) for mask in moved])
    assert (np.abs(centres - 7).sum(1) == 2).all()
    assert (moved.sum((1, 2)) == 9).all()
    assert len(np.unique(centres, axis=0)) == 4


def test_swapping_twice_changes_nothing():
    masks = np.random.default_rng(0).integers(0, 4, (3, 8, 8)).astype(np.uint8)
    assert (planting.swapped(masks) != masks).any()
    assert (planting.swapped(planting.swapped(masks)) == masks).all()


def test_a_grid_has_lines_every_eight_pixels_and_nothing_between():
    added = planting.gridded(np.full((1, 20, 20, 1), 100, np.uint8))[0, ..., 0] - 100
    assert (added[[0, 8, 16]] == 2).all()
    assert (added[:, [0, 8, 16]] == 2).all()
    assert added.sum() == 2 * (20 * 20 - 17 * 17)


def test_grain_lies_in_flat_places_alone():
    """Left a ramp, right a plane of half of the places; those that smoothing tilts are not flat."""
    images = np.full((1, 80, 80, 1), 160, np.uint8)
    images[0, :, :40, 0] = np.arange(40) * 4
    changed = planting.grainy(images, np.random.default_rng(0)) != images
    assert not changed[:, :, :40].any()
    assert changed[:, :, 56:].mean() > 0.8


@pytest.mark.parametrize("fault", planting.PLANTINGS)
def test_each_fault_changes_either_images_or_masks(fault, discs):
    pairs = discs(3)
    images, masks = planting.PLANTINGS[fault](pairs.images, pairs.masks, np.random.default_rng(0))
    assert (images != pairs.images).any() != (masks != pairs.masks).any()
    assert (images.shape, images.dtype) == (pairs.images.shape, np.uint8)
    assert (masks.shape, masks.dtype) == (pairs.masks.shape, np.uint8)


@pytest.mark.slow
def test_a_score_notices_its_fault_and_stays_quiet_without():
    pairs, _ = alarms.phantoms("phantom-cardiac-mri", 60)
    watches = scores.watches(take(pairs, np.arange(60)))
    for score, fault in {"grid_excess": "grid", "contour_gradient": "wrong_tissue"}.items():
        assert scores.noticed(watches[score], fault, 5).value == 1
        assert scores.noticed(watches[score], "", 5).value <= 0.4
    # What reads images alone sees no mask move.
    assert scores.noticed(watches["flat_noise"], "wrong_tissue", 5).value <= 0.4


@pytest.mark.slow
def test_planted_faults_are_noticed_and_nothing_else(pool):
    assert alarms.alarms(pool, "swapped", 0)
    assert "boundary" in alarms.alarms(pool, "shift4", 1)
    assert "copying" in alarms.alarms(pool, "copies10", 2)
    assert sum(bool(alarms.alarms(pool, "", seed)) for seed in range(5)) <= 1
