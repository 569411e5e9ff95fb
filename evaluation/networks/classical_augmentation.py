"""What a careful user does before any generator: images are bent, and regions copied among them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from evaluation.networks.augmentation import augmented, augmented_images

COARSE = 5  # points on a side that move the picture; between them it bends smoothly
BEND = 0.06  # deviation of their movement, as a share of the side
PASTED = 0.5  # share of the pairs of a batch that get a region of another


def bent_and_pasted(
    images: Tensor, masks: Tensor, generator: torch.Generator, strength: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The usual changes of `augmented`; before them elastic deformation, then copied regions.

    Args:
        images: (B, C, H, W) in [0, 1], real ones.
        masks: (B, 1, H, W) class indices as floats.
        generator: of all random numbers, on the CPU.
        strength: of the usual changes and of the bending.

    Sources: Simard et al. 2003 (elastic deformation); Simple Copy-Paste (arXiv 2012.07177), with
    the regions of one class as the objects.
    """
    return augmented(
        *with_pasted(*bent(images, masks, generator, strength), generator), generator, strength
    )


def bent_and_pasted_volumes(
    images: Tensor, masks: Tensor, generator: torch.Generator, strength: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The same of volumes, but the usual changes: bent within slices, all slices of one alike.

    So neighbours go on to fit each other, and spacing between slices does not matter.

    Args:
        images: (B, C, K, H, W) in [0, 1], real ones.
        masks: (B, 1, K, H, W) class indices as floats.
        generator: of all random numbers, on the CPU.
        strength: of the bending.
    """
    pixels, labels = bent(images.flatten(1, 2), masks.flatten(1, 2), generator, strength)
    return with_pasted(pixels.view_as(images), labels.view_as(masks), generator)


def bent_images(images: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """What is left of it for images (B, C, H, W) in [0, 1] without masks: no region is copied."""
    changed, _ = bent(images, images[:, :1], generator, strength)
    return augmented_images(changed, generator, strength)


def bent(
    images: Tensor, masks: Tensor, generator: torch.Generator, strength: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Both moved alike by a smooth random field; masks by nearest neighbour."""
    points = torch.randn(len(images), 2, COARSE, COARSE, generator=generator)
    moved = functional.interpolate(
        2 * BEND * strength * points, images.shape[2:], mode="bicubic", align_corners=True
    )
    still = functional.affine_grid(
        torch.eye(2, 3).expand(len(images), 2, 3), list(images.shape), align_corners=False
    )
    grid = still + moved.movedim(1, -1)
    return (
        functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False),
        functional.grid_sample(
            masks, grid, mode="nearest", padding_mode="reflection", align_corners=False
        ),
    )


def with_pasted(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Some pairs, or volumes, get the pixels and labels of one class of another of the batch."""
    images, masks, before = images.clone(), masks.clone(), (images, masks)
    for row in range(len(images)):
        other = int(torch.randint(len(images), (), generator=generator))
        if torch.rand((), generator=generator) >= PASTED:
            continue
        shown = before[1][other].unique()
        shown = shown[shown > 0]
        if not len(shown):
            continue
        label = shown[int(torch.randint(len(shown), (), generator=generator))]
        region = before[1][other, 0] == label
        images[row][:, region] = before[0][other][:, region]
        masks[row, 0][region] = label
    return images, masks
