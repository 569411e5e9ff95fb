"""Asking a trained network: images in, arrays out, a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evaluation.augmentation import floats, standardised
from evaluation.pairs import Images

CHUNK = 32  # images at a time


def answered(
    network: nn.Module, images: Images, channels: int, read: Callable[[Tensor], Tensor]
) -> list[NDArray[Any]]:
    """The network's answers to images, chunk after chunk, as it would give them for each alone.

    Args:
        network: standardised images (B, C, H, W) to logits; no layer may mix images.
        images: (N, H, W, C) uint8; none give an empty list.
        channels: C that the network takes.
        read: what to keep of the logits of a chunk.

    Raises:
        ValueError: if the images have another number of channels.
    """
    if images.shape[-1] != channels:
        raise ValueError(f"images have {images.shape[-1]} channels, not {channels}")
    network.eval()
    with torch.inference_mode():
        chunks = (images[at : at + CHUNK] for at in range(0, len(images), CHUNK))
        seen = (standardised(floats(chunk)).to(device_of(network)) for chunk in chunks)
        return [read(network(chunk)).cpu().numpy() for chunk in seen]


def device_of(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next(network.parameters()).device


def to_best_device(network: nn.Module) -> nn.Module:
    """The network, on the GPU where there is one."""
    return network.to("cuda" if torch.cuda.is_available() else "cpu")
