"""Augmentation moves image and mask together, and knows where a picture ends."""

import numpy as np
import torch

from factory.models.denoiser import place_channels, placed
from factory.settings import Augmentation
from factory.training.augmentation import augment


def test_an_augmented_mask_still_lies_on_its_object():
    masks = np.zeros((16, 64, 64), np.uint8)
    masks[:, 20:40, 15:50] = 1
    images = (masks * 200)[..., None]
    spec = Augmentation(copies=2, rotate=20, scale=0.2, shift=0.1, gamma=0, mirror=True)
    moved, relabelled, _ = augment(images, masks, spec, torch.Generator().manual_seed(0))
    assert set(np.unique(relabelled)) <= {0, 1}
    assert not np.array_equal(relabelled, masks)
    agree = ((moved[..., 0] > 100) == (relabelled == 1)).mean()
    assert agree > 0.98


def test_beside_a_film_lies_black_and_beside_a_slide_more_of_the_slide():
    film = np.zeros((200, 32, 32, 1), np.uint8)
    film[:, 20:, 8:24] = 200  # reaches the lower edge: reflected, it would hang from it twice
    mask = (film[..., 0] > 0).astype(np.uint8)
    spec = Augmentation(copies=2, rotate=0, scale=0, shift=0.3, gamma=0)
    moved, labelled, _ = augment(film, mask, spec, torch.Generator().manual_seed(0))
    assert moved.shape == film.shape
    assert (labelled.sum((1, 2)) <= mask[0].sum() + 16).all()
    slide, labelled, _ = augment(255 - film, mask, spec, torch.Generator().manual_seed(0))
    assert slide.min(axis=(1, 2, 3)).max() < 100
    assert (slide == 0).sum() == 0
    assert labelled.sum((1, 2)).max() > mask[0].sum() + 16


def test_bars_that_make_a_picture_square_are_not_turned_with_it():
    slide = np.zeros((50, 32, 32, 3), np.uint8)
    slide[:, 6:27] = np.random.default_rng(0).integers(60, 256, (50, 21, 32, 3))
    mask = np.zeros((50, 32, 32), np.uint8)
    mask[:, 6:27] = 1
    spec = Augmentation(copies=2, rotate=180, scale=0.2, shift=0.2, gamma=0, mirror=True)
    moved, labelled, _ = augment(slide, mask, spec, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(labelled, mask)
    np.testing.assert_array_equal(moved.max(-1) > 0, mask > 0)
    assert not np.array_equal(moved, slide)


def test_no_change_asked_for_is_no_change():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    masks = rng.integers(0, 4, (3, 32, 32), dtype=np.uint8)
    spec = Augmentation(copies=2, rotate=0, scale=0, shift=0, gamma=0)
    moved, relabelled, origins = augment(images, masks, spec, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(moved, images)
    np.testing.assert_array_equal(relabelled, masks)
    assert torch.equal(origins, torch.eye(2, 3).expand(3, -1, -1))


def test_a_network_is_told_where_each_cell_of_a_variant_lay():
    """Pictures whose grey level says where they are: what is told is what is seen there."""
    side = 64
    ramp = (np.arange(side) * 3 + 20).astype(np.uint8)
    columns = np.broadcast_to(ramp, (side, side))
    pictures = np.stack([columns, columns.T] * 8)[..., None].copy()
    spec = Augmentation(copies=2, rotate=40, scale=0.3, shift=0.1, gamma=0, mirror=True)
    blank = np.zeros(pictures.shape[:3], np.uint8)
    moved, _, origins = augment(pictures, blank, spec, torch.Generator().manual_seed(0))
    cells = torch.zeros(len(moved), 1, side, side)
    told = placed(cells, 1 + place_channels(1), origins)[:, 1:3]  # row, column
    for number, (picture, places) in enumerate(zip(moved[..., 0], told, strict=True)):
        place = places[1 - number % 2].numpy()
        inside = (places.abs() < 0.95).all(0).numpy()
        seen = ((picture - 20.0) / 3) / (side - 1) * 2 - 1
        assert inside.sum() > 1000
        np.testing.assert_allclose(seen[inside], place[inside], atol=0.02)
