"""What makes synthetic pairs vary: reproducible, one change for image and mask, sides kept true."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from evaluation.networks.domain_randomisation import (
    DomainRandomisation,
    RandPerspective,
    other_side,
)
from evaluation.networks.settings import DomainRandomisationSection
from evaluation.settings import UtilitySection
from evaluation.utility.arms import Arm
from evaluation.utility.classification import ClassificationTask
from evaluation.utility.segmentation import SegmentationTask

SIZE = (32, 32)
LUNGS = ("left lung", "right lung", "heart")
STILL = 1e-6  # so weak that no pixel of a mask moves


def randomisation(classes=LUNGS, seed=0, size=SIZE, **section):
    return DomainRandomisation(DomainRandomisationSection(**section), classes, seed, size)


def noise(count, size=SIZE, channels=1):
    return np.random.default_rng(0).integers(0, 256, (count, *size, channels)).astype(np.uint8)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (LUNGS, [1, 0, 2]),
        (("spleen", "Right kidney", "left kidney"), [0, 2, 1]),
        (("upper left field", "upper right field"), [1, 0]),
        (("left ventricle", "right kidney"), [0, 1]),
        (("leftover", "rightover"), [0, 1]),
        ((), []),
    ],
    ids=str,
)
def test_the_other_side_is_the_name_with_left_and_right_exchanged(names, expected):
    assert other_side(names).tolist() == expected


def test_a_mirrored_mask_has_left_and_right_exchanged():
    # Columns from the left: right lung, heart, nothing, left lung.
    row = np.repeat([2, 3, 0, 1], 8).astype(np.uint8)
    masks = np.tile(row, (20, 32, 1))
    # Seen in a mirror the order is 1 0 3 2; what was the left lung is now called the right one.
    mirrored = np.repeat([2, 0, 3, 1], 8)
    _, found = randomisation(mirror=True, strength=STILL).pairs(noise(20), masks)
    flipped = (found == mirrored).all((1, 2))
    kept = (found == row).all((1, 2))
    assert (flipped | kept).all()
    assert 0 < flipped.sum() < 20


def test_nothing_is_mirrored_unless_that_is_said():
    row = np.repeat([2, 3, 0, 1], 8).astype(np.uint8)
    masks = np.tile(row, (20, 32, 1))
    _, found = randomisation(strength=STILL).pairs(noise(20), masks)
    assert (found == masks).all()


def test_labels_that_name_a_side_change_with_a_mirrored_image():
    known = ("effusion left", "effusion right", "normal")
    labels = np.arange(30) % 3
    _, found = randomisation(mirror=True).labelled(noise(30), labels, known)
    changed = found != labels
    assert (found[changed] == 1 - labels[changed]).all()
    assert (found[labels == 2] == 2).all()
    assert 0 < changed.sum() < 20


def test_the_same_seed_makes_the_same_changes_and_every_call_new_ones(discs):
    block = discs(6, classes=2)
    one, again, other = (randomisation(("a", "b"), seed, (48, 48)) for seed in (3, 3, 4))
    first = one.pairs(block.images, block.masks)
    for mine, theirs in zip(first, again.pairs(block.images, block.masks), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (first[0] != other.pairs(block.images, block.masks)[0]).any()
    assert (first[0] != one.pairs(block.images, block.masks)[0]).any()
    # What was given is left as it was.
    assert (block.images == discs(6, classes=2).images).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_types_and_classes_stay(discs, channels):
    block = discs(12, classes=2, channels=channels)
    images, masks = randomisation(("a", "b"), size=(48, 48), strength=2.0).pairs(
        block.images, block.masks
    )
    assert (images.shape, masks.shape) == (block.images.shape, block.masks.shape)
    assert images.dtype == masks.dtype == np.uint8
    # Indices are never mixed: between 0 and 2 there is no 1 at an edge.
    two = np.where(block.masks == 1, 2, 0).astype(np.uint8)
    assert set(np.unique(randomisation(("a", "b"), size=(48, 48)).pairs(block.images, two)[1])) == {
        0,
        2,
    }


def test_no_pairs_stay_none():
    images, masks = randomisation().pairs(noise(0), np.zeros((0, *SIZE), np.uint8))
    assert (len(images), len(masks)) == (0, 0)


def test_image_and_mask_move_together(discs):
    block = discs(20, seed=5)
    images, masks = randomisation(("disc",), size=(48, 48)).pairs(block.images, block.masks)
    assert (masks != block.masks).any()
    for image, mask in zip(images[..., 0].astype(float), masks == 1, strict=True):
        assert image[mask].mean() > image[~mask].mean() + 20


def test_perspective_keeps_the_middle_and_bends_no_line():
    mask = torch.zeros(1, 33, 33)
    mask[0, 16] = 1  # a line through the middle
    mask[0, 4, 4] = 2
    tilted = RandPerspective(0.3, prob=1.0)
    tilted.set_random_state(seed=1)
    found = tilted({"image": mask, "mask": mask})["mask"][0]
    assert found[16, 16] == 1
    assert (found == 1).any(0).all()
    rows = [np.flatnonzero(column == 1).mean() for column in found.numpy().T]
    assert rows == [16.0] * 33
    assert found[4, 4] != 2
    tilted.prob = 0.0
    assert (tilted({"image": mask, "mask": mask})["mask"] == mask).all()


def arm(kind, network="unet", **fields):
    return Arm(network, "discs", kind, "4", 4, seed=0, **fields)


@pytest.mark.parametrize("kind", ["real", "synthetic", "both", "pretrained"])
def test_only_what_learns_synthetic_pairs_is_changed(discs, kind):
    real, made = discs(4, seed=1), discs(6, seed=2)
    given = arm(kind, ratio=1.0 if kind == "both" else 0.0)
    digests = []
    for section in (None, DomainRandomisationSection(), DomainRandomisationSection()):
        segmenter, loop = SegmentationTask().start(given, real, made, ("disc",), 2, None, section)
        assert [step.number for step in loop] == [1, 2]
        digests.append(segmenter.digest)
    assert (digests[0] == digests[1]) == (kind == "real")
    assert digests[1] == digests[2]


def test_classifiers_learn_from_changed_pairs_too(discs):
    findings = ("left", "right")
    real, made = (discs(6, seed=seed) for seed in (1, 2))
    real, made = (
        replace(b, facets=b.facets.assign(finding=[findings[i % 2] for i in range(6)]))
        for b in (real, made)
    )
    digests = []
    for section in (None, DomainRandomisationSection(mirror=True)):
        given = arm("both", "resnet", ratio=1.0)
        classifier, loop = ClassificationTask().start(given, real, made, findings, 1, None, section)
        assert len(list(loop)) == 1
        digests.append(classifier.digest)
    assert digests[0] != digests[1]


def test_a_recipe_says_so_by_a_section():
    assert UtilitySection().domain_randomisation is None
    section = UtilitySection.model_validate({"domain_randomisation": {}})
    assert section.domain_randomisation == DomainRandomisationSection()
    with pytest.raises(ValidationError, match="less than or equal to 2"):
        UtilitySection.model_validate({"domain_randomisation": {"strength": 3}})
