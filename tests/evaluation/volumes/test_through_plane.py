"""Known answers for slices and their neighbours."""

import numpy as np
import pandas as pd
import pytest

from evaluation.pairs import Block, units_of
from evaluation.volumes.stacks import in_volumes, stacks_of
from evaluation.volumes.through_plane import (
    in_range,
    millilitres,
    neighbour_correlations,
    neighbour_dice,
    share,
)


def block(images, masks, volumes, slices, patients=None, slice_mm=3.0):
    facets = pd.DataFrame({"volume": volumes, "slice": slices, "slice_mm": slice_mm})
    facets["patient"] = volumes if patients is None else patients
    spacing = np.full((len(images), 2), [2.0, 0.5], np.float32)
    return Block(images[..., None], masks, facets, spacing, np.ones(len(images), bool))


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16)).astype(np.uint8)


def squares(*offsets):
    masks = np.zeros((len(offsets), 16, 16), np.uint8)
    for mask, offset in zip(masks, offsets, strict=True):
        mask[4:8, offset : offset + 4] = 1
    return masks


def test_slices_are_put_in_the_order_of_their_numbers_as_texts_too():
    images = noise(12)
    shuffled = np.random.default_rng(1).permutation(12)
    volumes, numbers = np.array(["a", "b"] * 6), np.repeat(range(6), 2).astype(str)
    pairs = block(images[shuffled], 0 * images, volumes[shuffled], numbers[shuffled])
    for stack in stacks_of(pairs):
        start = "ab".index(stack.name)
        np.testing.assert_array_equal(stack.images[..., 0], images[start::2])
        np.testing.assert_array_equal(stack.spacing_mm, [3, 2, 0.5])


@pytest.mark.parametrize("facet", ["patient", "domain"])
def test_volumes_of_one_name_of_two_patients_or_domains_stay_apart(facet):
    images = noise(6)
    pairs = block(images, squares(*range(6)), ["scan"] * 6, [0, 0, 1, 1, 2, 2], patients="")
    pairs.facets[facet] = ["a", "b"] * 3
    first, second = stacks_of(pairs)
    assert first.rows.tolist() == [0, 2, 4]
    assert second.rows.tolist() == [1, 3, 5]
    assert (first.name, second.name) == ("scan", "scan")


def test_flat_images_are_no_stack():
    pairs = block(noise(3), squares(1, 1, 1), ["", "a", "a"], [-1, 0, 1])
    assert [len(stack) for stack in stacks_of(pairs)] == [2]
    assert in_volumes(pairs).tolist() == [False, True, True]
    bare = Block(pairs.images, pairs.masks, pd.DataFrame(index=range(3)), *[None] * 2)
    assert stacks_of(bare) == []


def test_slices_of_a_volume_without_a_patient_are_one_unit():
    pairs = block(noise(4), squares(1, 1, 1, 1), ["a", "a", "", ""], range(4), patients="")
    units = units_of(pairs)
    assert units[0] == units[1]
    assert len(set(units)) == 3


def test_correlations_are_numpys():
    images = noise(5)
    (stack,) = stacks_of(block(images, squares(1, 1, 1, 1, 1), ["a"] * 5, range(5)))
    expected = np.diag(np.corrcoef(images.reshape(5, -1)), 1)
    np.testing.assert_allclose(neighbour_correlations(stack), expected, rtol=1e-9)


def test_a_constant_slice_is_like_nothing():
    images = noise(3)
    images[1] = 9
    (stack,) = stacks_of(block(images, squares(1, 1, 1), ["a"] * 3, range(3)))
    assert np.isnan(neighbour_correlations(stack)).all()


def test_dice_of_neighbours_by_hand():
    masks = squares(2, 2, 4, 10)
    masks[3] = 0
    (stack,) = stacks_of(block(noise(4), masks, ["a"] * 4, range(4)))
    np.testing.assert_allclose(neighbour_dice(stack, 2), [1, 0.5, 0])
    empty = stacks_of(block(noise(2), 0 * squares(1, 1), ["a"] * 2, range(2)))
    assert np.isnan(neighbour_dice(empty[0], 2)).all()


def test_volumes_in_millilitres_by_hand():
    (stack,) = stacks_of(block(noise(2), squares(2, 3), ["a"] * 2, range(2)))
    found = millilitres(stack, 2)  # 32 voxels of 3 x 2 x 0.5 mm
    assert found[0] == pytest.approx(0.096)
    assert np.isnan(found[1])
    unknown = stacks_of(block(noise(2), squares(2, 3), ["a"] * 2, range(2), slice_mm=np.nan))
    assert np.isnan(millilitres(unknown[0], 1)).all()


def test_the_range_holds_95_percent_of_real_values():
    real = np.arange(1001.0)
    np.testing.assert_array_equal(
        in_range(np.array([24, 26, 974, 976, np.nan]), real), [0, 1, 1, 0, np.nan]
    )
    assert np.isnan(in_range(real, np.array([np.nan]))).all()


def test_shares_resample_patients():
    stacks = stacks_of(block(noise(8), squares(*[1] * 8), list("aabbccdd"), [0, 1] * 4))
    found = share([np.array([1.0, 1]), np.array([0.0]), np.ones(1), [np.nan]], stacks, seed=0)
    assert found.value == pytest.approx(3 / 4)
    assert found.n == 4
    assert found.low < found.value <= found.high
    assert not share([], [], seed=0).known
