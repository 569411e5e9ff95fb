"""Augmentation moves image and mask together; latents are kept for one key only."""

import numpy as np
import torch

from factory.masks import Lattice
from factory.sections import Augmentation
from factory.training.latents import Latents, augment, image_pictures, mask_pictures, pair_texts


def test_an_augmented_mask_still_lies_on_its_object():
    masks = np.zeros((16, 64, 64), np.uint8)
    masks[:, 20:40, 15:50] = 1
    images = (masks * 200)[..., None]
    spec = Augmentation(copies=2, rotate=20, scale=0.2, shift=0.1, gamma=0, mirror=True)
    moved, relabelled = augment(images, masks, spec, torch.Generator().manual_seed(0))
    assert set(np.unique(relabelled)) <= {0, 1}
    assert not np.array_equal(relabelled, masks)
    agree = ((moved[..., 0] > 100) == (relabelled == 1)).mean()
    assert agree > 0.98


def test_no_change_asked_for_is_no_change():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    masks = rng.integers(0, 4, (3, 32, 32), dtype=np.uint8)
    spec = Augmentation(copies=2, rotate=0, scale=0, shift=0, gamma=0)
    moved, relabelled = augment(images, masks, spec, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(moved, images)
    np.testing.assert_array_equal(relabelled, masks)


def test_latents_are_read_back_for_their_own_key_only(tmp_path):
    made = Latents(
        (torch.randn(2, 4, 2, 2), torch.randn(2, 4, 2, 2)),
        torch.ones(2, 2).long(),
        torch.randn(2, 3, 4),
        torch.rand(2, 2),
    )
    made.save(tmp_path / "latents.safetensors", "a")
    assert Latents.load(tmp_path / "latents.safetensors", "b") is None
    assert Latents.load(tmp_path / "none.safetensors", "a") is None
    again = Latents.load(tmp_path / "latents.safetensors", "a")
    assert again is not None
    assert all(map(torch.equal, again.streams, made.streams))
    assert torch.equal(again.prompt, made.prompt)
    assert torch.equal(again.spread, made.spread)


def test_each_mask_is_coded_in_its_own_domain(lesson):
    pictures = mask_pictures(lesson.train, lesson.domains)
    decoded = Lattice(1).decode(pictures.float() / 127.5 - 1)
    np.testing.assert_array_equal(decoded, lesson.train.masks)
    assert image_pictures(lesson.train.images).shape == pictures.shape


def test_texts_tell_the_finding_and_the_stream(lesson):
    image, mask = pair_texts(lesson.train, lesson.domains)[0]
    assert image.replace(" image,", " label,") == mask
    assert lesson.train.facets.finding[0] in image
