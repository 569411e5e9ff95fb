"""Images as networks see them: standardised, and in training turned, moved and recoloured.

Nothing is mirrored, which would turn left into right.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evaluation.pairs import Images


def floats(images: Images) -> Tensor:
    """(N, H, W, C) uint8 to (N, C, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.moveaxis(images, -1, 1).astype(np.float32) / 255)


def standardised(images: Tensor) -> Tensor:
    """Each image (B, C, ...) with mean 0 and spread 1 over all its pixels; constant ones are 0."""
    places = tuple(range(1, images.ndim))
    spread, centre = torch.std_mean(images, dim=places, keepdim=True, correction=0)
    return (images - centre) / spread.clamp_min(1e-3)


def augmented(
    images: Tensor, masks: Tensor, generator: torch.Generator, strength: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Randomly turned, scaled, moved, and changed in gamma, contrast, brightness and noise.

    Args:
        images: (B, C, H, W) in [0, 1].
        masks: (B, 1, H, W) class indices as floats.
        generator: of all random numbers, on the CPU.
        strength: factor on every range; up to 2 images still look like images.
    """
    grid = _grid(images, generator, strength)
    moved = functional.grid_sample(masks, grid, mode="nearest", align_corners=False)
    return _recoloured(_moved(images, grid), generator, strength), moved


def augmented_images(images: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """What `augmented` makes of images (B, C, H, W) in [0, 1], where there are no masks."""
    moved = _moved(images, _grid(images, generator, strength))
    return _recoloured(moved, generator, strength)


def _grid(images: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    changes = _affine(len(images), generator, strength)
    return functional.affine_grid(changes, list(images.shape), False)


def _moved(images: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(images, grid, align_corners=False).clamp(0, 1)


def _recoloured(images: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    gamma, contrast, brightness, noise = strength * _uniform(len(images), 4, generator)
    changed = images.clamp_min(1e-4) ** torch.exp(0.4 * gamma)
    changed = changed * (1 + 0.2 * contrast) + 0.1 * brightness
    grain = torch.randn(images.shape, generator=generator)
    return changed + 0.04 * noise.abs() * grain


def _affine(count: int, generator: torch.Generator, strength: float) -> Tensor:
    """(B, 2, 3): turns up to 15°, scales by 0.85 to 1.15, moves by up to 10 % of the side."""
    angle, scale, right, down = strength * _uniform(count, 4, generator).reshape(4, count)
    angle, scale = angle * np.pi / 12, 1 + 0.15 * scale
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = [cosine, -sine, 0.2 * right, sine, cosine, 0.2 * down]
    return torch.stack(rows, dim=1).reshape(count, 2, 3)


def _uniform(count: int, kinds: int, generator: torch.Generator) -> Tensor:
    """(kinds, B, 1, 1, 1) numbers in [-1, 1)."""
    return torch.rand(kinds, count, 1, 1, 1, generator=generator) * 2 - 1
