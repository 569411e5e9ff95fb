"""Bending and copying keep image and mask together."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluation.networks.classical_augmentation import (
    bent,
    bent_and_pasted,
    bent_and_pasted_volumes,
    with_pasted,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def discs(count=4, side=32):
    """Images as bright as their class, 0.2 and 0.9 within a disc of class 1 or 2."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    masks = torch.zeros(count, 1, side, side)
    for i in range(count):
        inside = (rows - 10 - 3 * i) ** 2 + (columns - 14) ** 2 < 30
        masks[i, 0][inside] = 1 + i % 2
    return 0.2 + 0.35 * masks, masks


@given(seed=st.integers(0, 99))
def test_bending_moves_both_alike(seed):
    images, masks = discs()
    changed, moved = bent(images, masks, seeded(seed))
    assert not torch.equal(moved, masks)
    assert set(moved.unique().tolist()) <= {0.0, 1.0, 2.0}
    # Pixels are as bright as their class, but at edges, where images are blended.
    agree = (changed - (0.2 + 0.35 * moved)).abs() < 0.05
    assert agree.float().mean() > 0.9


@given(seed=st.integers(0, 99))
def test_a_copied_region_brings_its_pixels_and_its_label(seed):
    images, masks = discs()
    changed, labelled = with_pasted(images, masks, seeded(seed))
    torch.testing.assert_close(changed, 0.2 + 0.35 * labelled)
    grown = (labelled > 0).sum((1, 2, 3)) >= (masks > 0).sum((1, 2, 3))
    assert grown.all()


def test_half_of_the_pairs_get_a_region_and_the_batch_stays_as_it_was():
    images, masks = (x[torch.arange(400) % 4] for x in discs())
    before = images.clone(), masks.clone()
    _, labelled = with_pasted(images, masks, seeded())
    assert torch.equal(images, before[0])
    assert torch.equal(masks, before[1])
    # Half of them, of which three quarters copy from a pair that shows the disc elsewhere.
    changed = (labelled != masks).any((1, 2, 3)).float().mean().item()
    assert 0.3 < changed < 0.45


def test_pairs_without_a_class_give_nothing():
    images, masks = torch.rand(3, 1, 8, 8), torch.zeros(3, 1, 8, 8)
    changed, labelled = with_pasted(images, masks, seeded())
    assert torch.equal(changed, images)
    assert torch.equal(labelled, masks)
    assert bent_and_pasted(images, masks, seeded())[0].shape == images.shape


def test_all_slices_of_a_volume_are_bent_alike_and_a_region_is_copied_through_them():
    images, masks = discs()
    flat = bent_and_pasted_volumes(images[:, :, None], masks[:, :, None], seeded(3))
    deep = bent_and_pasted_volumes(
        *(each[:, :, None].expand(-1, -1, 5, -1, -1) for each in (images, masks)), seeded(3)
    )
    for one, several in zip(flat, deep, strict=True):
        torch.testing.assert_close(several, one.expand_as(several))
    assert not torch.equal(flat[1][:, :, 0], masks)
    assert (flat[1][:, 0, 0].flatten(1).max(1).values > 0).all()
