"""Mask codecs: exact without noise, and what survives a lossy decoder."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from factory.masks import CODECS, GreyLevels, Lattice, around, dice, lattice_colours, nearest


def masks_with_all(classes, side=16, seed=0):
    masks = np.random.default_rng(seed).integers(0, classes + 1, (2, side, side), dtype=np.uint8)
    masks.flat[: classes + 1] = np.arange(classes + 1)
    return masks


@pytest.mark.parametrize("name", CODECS)
@given(classes=st.integers(1, 15), seed=st.integers(0, 2**16))
def test_nothing_is_lost_without_noise(name, classes, seed):
    codec, masks = CODECS[name](classes), masks_with_all(classes, seed=seed)
    picture = codec.encode(masks)
    assert picture.shape == (2, 3, 16, 16)
    assert picture.abs().max() <= 1
    np.testing.assert_array_equal(codec.decode(picture), masks)


def test_grey_levels_by_hand():
    # K = 2: class 1 is half-way, 0.5 on [0, 1], so 0 on [-1, 1].
    picture = GreyLevels(2).encode(np.array([[[0, 1, 2]]], np.uint8))
    np.testing.assert_allclose(picture[0, 0, 0], [-1, 0, 1])


def test_up_to_seven_classes_use_the_corners_of_the_cube():
    colours = lattice_colours(8)
    assert set(np.unique(colours)) == {-1, 1}
    assert (colours[0] == -1).all()
    assert (colours[1] == 1).all()  # the second is as far from the background as can be


@pytest.mark.parametrize("count", [2, 4, 8, 16, 27])
def test_colours_are_distinct_and_far_apart(count):
    colours = lattice_colours(count)
    gaps = np.linalg.norm(colours[:, None] - colours[None], axis=2) + 9 * np.eye(count)
    assert gaps.min() >= (2 if count <= 8 else 1)


def class_errors(codec, classes, sd):
    """Share of each class's pixels that Gaussian noise of this deviation turns into another."""
    masks = np.repeat(np.arange(classes + 1, dtype=np.uint8), 4096).reshape(1, classes + 1, 4096)
    noise = torch.randn(1, 3, *masks.shape[1:], generator=torch.Generator().manual_seed(0))
    decoded = codec.decode(codec.encode(masks) + sd * noise)
    return (decoded != masks).mean((0, 2))


def test_fifteen_classes_survive_a_lossy_decoder_in_lattice_colours_only():
    # An error of 0.1 on [-1, 1] is what a small autoencoder leaves on a mask's interior.
    lattice = class_errors(Lattice(15), 15, sd=0.1)
    grey = class_errors(GreyLevels(15), 15, sd=0.1)
    assert lattice.max() < 0.001
    assert np.median(grey) > 0.2


def blurred(picture):
    return torch.nn.functional.avg_pool2d(picture, 3, stride=1, padding=1, count_include_pad=False)


def test_a_blurred_boundary_makes_rings_of_other_classes_in_grey_levels_only():
    masks = np.zeros((1, 32, 32), np.uint8)
    masks[:, 8:24, 8:24] = 2  # of three classes, the middle one: class 1 lies between it and 0
    found = {name: CODECS[name](3) for name in CODECS}
    rings = {n: (c.decode(blurred(c.encode(masks))) == 1).sum() for n, c in found.items()}
    assert rings["grey"] > 0
    assert rings["lattice"] == 0


def test_a_speck_on_a_border_takes_a_class_beside_it():
    # Class 2 meets the background; one pixel of the border is drawn next to the colour of class 1.
    codec, masks = Lattice(2), np.zeros((1, 16, 16), np.uint8)
    masks[:, :, 8:] = 2
    masks[:, 12:, :4] = 1
    picture = codec.encode(masks)
    between = (codec.colours[0] + codec.colours[2]) / 2
    picture[0, :, 5, 8] = between + 0.6 * (codec.colours[1] - between)
    found = nearest(picture, codec.colours, None)
    assert found[0, 5, 8] == 1
    found[0, 5, 8] = 2
    np.testing.assert_array_equal(codec.decode(picture), found)


def test_a_lone_pixel_and_a_thin_line_that_are_drawn_clearly_stay():
    codec, masks = Lattice(3), np.zeros((1, 16, 16), np.uint8)
    masks[0, 8] = 1
    masks[0, 3, 3] = 2
    masks[0, 4:, 12] = 3
    noise = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(codec.decode(codec.encode(masks) + 0.1 * noise), masks)


@given(seed=st.integers(0, 2**16))
def test_a_mask_is_the_same_whatever_is_read_beside_it(seed):
    codec, masks = Lattice(7), np.random.default_rng(seed).integers(0, 8, (3, 16, 16), np.uint8)
    masks[0] = masks[0] % 2
    noise = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    picture = codec.encode(masks) + noise
    alone = [codec.decode(one[None]) for one in picture]
    np.testing.assert_array_equal(codec.decode(picture), np.concatenate(alone))


def test_pixels_around_are_counted_to_the_edge():
    region = torch.zeros(1, 3, 3, dtype=torch.bool)
    region[0, :2] = True
    assert around(region)[0].tolist() == [[3, 5, 3], [3, 5, 3], [2, 3, 2]]


@pytest.mark.parametrize("codec", CODECS)
def test_classes_that_were_not_asked_for_are_not_found(codec):
    masks = np.arange(5, dtype=np.uint8).reshape(1, 1, 5)
    made = CODECS[codec](4)
    picture = made.encode(masks)
    among = made.decode(picture, [1, 4])
    assert among[0, 0, [0, 1, 4]].tolist() == [0, 1, 4]
    assert set(among[0, 0, [2, 3]].tolist()) <= {0, 1, 4}
    assert not made.decode(picture, []).any()
    with pytest.raises(ValueError, match="has no code"):
        made.decode(picture, [9])


def test_dice_of_regions_that_share_one_pixel():
    # Two pixels and three, one shared: 2 * 1 / (2 + 3).
    first, second = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 1], bool)
    assert dice(first, second) == pytest.approx(0.4)
    assert dice(first, first) == 1
    assert dice(first * 0, second) == dice(first * 0, first * 0) == 0
