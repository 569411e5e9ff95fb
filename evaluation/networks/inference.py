"""Predictions of a trained network: images in, arrays out, a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evaluation.networks.augmentation import floats, standardised
from evaluation.pairs import Images

CHUNK = 32  # images at a time

Number = TypeVar("Number", bound=np.generic)


def predict_in_batches(
    network: nn.Module,
    images: Images,
    channels: int,
    read: Callable[[Tensor], Tensor],
    found: NDArray[Number],
) -> NDArray[Number]:
    """The network's answers to images, as it would give them for each alone.

    They are written into one array: small ones that were kept between the large tensors of each
    chunk would hold the memory of those, four times their own.

    Args:
        network: standardised images (B, C, H, W) to logits; no layer may mix images.
        images: (N, H, W, C) uint8.
        channels: C that the network takes.
        read: what to keep of the logits of a chunk.
        found: (N, ...) where that is written.

    Returns:
        `found`.

    Raises:
        ValueError: if the images have another number of channels.
    """
    if images.shape[-1] != channels:
        raise ValueError(f"images have {images.shape[-1]} channels, not {channels}")
    network.eval()
    with torch.inference_mode():
        for at in range(0, len(images), CHUNK):
            part = slice(at, at + CHUNK)
            inputs = standardised(floats(images[part])).to(device_of(network))
            found[part] = read(network(inputs)).cpu().numpy()
    return found


def device_of(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next(network.parameters()).device


def to_best_device(network: nn.Module) -> nn.Module:
    """The network, on the GPU where there is one."""
    return network.to("cuda" if torch.cuda.is_available() else "cpu")
