"""Copies that try not to look like copies: what a search for copies has to find."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from evaluation.pairs import Images

SHIFT = 1 / 32  # of the side
TILT = 7.0  # degrees
GAMMA = 1.3


def disguised(images: Images) -> Mapping[str, Images]:
    """Copies of images, each kind changed in one way, by name.

    Args:
        images: (N, H, W, C) uint8.

    Returns:
        Each (N, H, W, C) uint8: `shifted` by 1/32 of the side along both axes, `tilted` by 7
        degrees, with another `gamma` (1.3), `mirrored` left to right. The border is continued.
    """
    by = max(1, round(SHIFT * images.shape[1]))
    padded = np.pad(images, ((0, 0), (by, 0), (by, 0), (0, 0)), mode="edge")
    tilted = ndimage.rotate(images, TILT, axes=(1, 2), reshape=False, order=1, mode="nearest")
    return {
        "shifted": padded[:, : images.shape[1], : images.shape[2]],
        "tilted": tilted,
        "gamma": (255 * (images / 255.0) ** GAMMA).round().astype(np.uint8),
        "mirrored": images[:, :, ::-1],
    }
