"""Pairs as one tensor: the image's channels, then a channel for each class of the mask."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from evaluation.pairs import Images, Masks

CHUNK = 64  # pairs that go through a network at a time


def stacked(images: Images, masks: Masks, classes: int) -> Tensor:
    """(N, C + classes, H, W) float32 in [0, 1]; the background has no channel of its own.

    Args:
        images: (N, H, W, C) uint8.
        masks: (N, H, W) uint8, indices up to `classes`.
        classes: number of foreground classes.
    """
    brightness = np.moveaxis(images, -1, 1).astype(np.float32) / 255
    shown = masks[:, None] == np.arange(1, classes + 1, dtype=np.uint8)[:, None, None]
    return torch.from_numpy(np.concatenate([brightness, shown.astype(np.float32)], axis=1))
