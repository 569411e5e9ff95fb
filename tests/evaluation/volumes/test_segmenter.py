"""Segmenters of volumes learn, predict every voxel, and come back from files."""

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference

from evaluation.errors import InputError
from evaluation.networks.augmentation import standardised
from evaluation.networks.registry import VOLUME_SEGMENTERS
from evaluation.networks.segmenter import save_segmenter
from evaluation.pairs import take
from evaluation.volumes.segmenter import (
    load_volume_segmenter,
    new_volume_segmenter,
    patch_of,
    train_volume_segmenter,
    validated_volumes,
)
from evaluation.volumes.stacks import stacks_of
from factory.images import ImageSection
from factory.sources.volumes.anatomy import DOMAIN
from factory.sources.volumes.phantom import PhantomVolumeSource


@pytest.fixture(scope="module")
def pairs():
    return PhantomVolumeSource(train=4, slices=10).build().read("train", ImageSection(size=32))


def new(kind="unet3d", seed=0):
    return new_volume_segmenter(kind, 1, DOMAIN.classes, seed=seed)


@pytest.mark.parametrize("kind", VOLUME_SEGMENTERS)
def test_every_voxel_of_a_thin_volume_has_an_answer(kind, pairs):
    stack = stacks_of(pairs)[0]
    answer = new(kind).predict(stack.images)
    assert answer.shape == (10, 32, 32)
    assert answer.dtype == np.uint8
    assert answer.max() <= 3


def test_windows_are_put_together_as_monai_does(pairs):
    # Thicker than a patch, so that windows overlap.
    images = np.concatenate([stack.images for stack in stacks_of(pairs)[:3]])
    segmenter = new()
    volume = torch.from_numpy(np.moveaxis(images, -1, 0).astype(np.float32) / 255)[None]
    with torch.inference_mode():
        theirs = sliding_window_inference(
            standardised(volume), (16, 32, 32), 1, segmenter.network.eval(), 0.5, mode="gaussian"
        )
    np.testing.assert_array_equal(segmenter.predict(images), theirs.argmax(1)[0].numpy())


def test_patches_are_no_larger_than_they_need_be():
    assert patch_of((32, 40)) == (16, 32, 40)
    assert patch_of((256, 256)) == (16, 64, 64)


def test_equal_seeds_train_equal_weights(pairs):
    digests = []
    for _ in range(2):
        segmenter = new()
        losses = [step.loss for step in train_volume_segmenter(segmenter, [pairs], steps=2, seed=5)]
        assert np.isfinite(losses).all()
        digests.append(segmenter.digest)
    assert digests[0] == digests[1] != new().digest


def test_it_comes_back_from_its_file(pairs, tmp_path):
    segmenter = new(seed=3)
    save_segmenter(segmenter, tmp_path)
    assert load_volume_segmenter(tmp_path).digest == segmenter.digest


def test_what_cannot_be_learnt_is_refused(pairs):
    flat = take(pairs, np.arange(len(pairs)))
    flat.facets["volume"] = ""
    with pytest.raises(InputError, match="no volume with a mask"):
        next(train_volume_segmenter(new(), [flat], steps=1, seed=0))
    with pytest.raises(InputError, match="leave out domain_randomisation"):
        next(train_volume_segmenter(new(), [pairs], steps=1, seed=0, randomisations=[object()]))


@pytest.mark.slow
def test_it_learns_the_liver(pairs):
    segmenter = new()
    loop = train_volume_segmenter(segmenter, [pairs], steps=60, seed=0, validation=pairs)
    validated = [step.validation for step in loop if step.validation is not None]
    assert len(validated) == 1
    held = PhantomVolumeSource(train=1, val=3, slices=10).build().read("val", ImageSection(size=32))
    assert validated_volumes(segmenter, held) > 0.4
