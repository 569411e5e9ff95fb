"""Planted faults are what they say, and the benchmark's draws are fair."""

import numpy as np
import pytest

from benchmarks import faults


@pytest.fixture(scope="module")
def pool():
    pairs, source = faults.phantoms("phantom-cardiac-mri", 500)

    return faults.pooled(pairs, source)


def test_a_shift_moves_every_mask_by_so_many_pixels():
    masks = np.zeros((20, 16, 16), np.uint8)
    masks[:, 6:9, 6:9] = 1
    moved = faults._shifted(masks, 2, np.random.default_rng(0))
    centres = np.stack([np.argwhere(mask).mean(0) for mask in moved])
    assert (np.abs(centres - 7).sum(1) == 2).all()
    assert (moved.sum((1, 2)) == 9).all()
    assert len(np.unique(centres, axis=0)) == 4


def test_swapping_twice_changes_nothing():
    masks = np.random.default_rng(0).integers(0, 4, (3, 8, 8)).astype(np.uint8)
    assert (faults._swapped(masks) != masks).any()
    assert (faults._swapped(faults._swapped(masks)) == masks).all()


@pytest.mark.slow
def test_planted_faults_are_noticed_and_nothing_else(pool):
    assert faults.alarms(pool, "swapped", 0)
    assert "boundary" in faults.alarms(pool, "shift4", 1)
    assert "copying" in faults.alarms(pool, "copies10", 2)
    assert sum(bool(faults.alarms(pool, "", seed)) for seed in range(5)) <= 1
