"""The segmentation networks that judge pairs and show what pairs are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def unet(channels: int, classes: int) -> nn.Module:
    """Small residual U-Net, 0.2 M weights; sides of its images are multiples of 8.

    Args:
        channels: of the image.
        classes: foreground classes; the network has one output more, for the background.

    Source: Ronneberger et al. 2015, arXiv:1505.04597; Kerfoot et al. 2018 (residual units).
    """
    # Recipes name segmenters and must be read without waiting for torch.
    from monai.networks.nets import UNet

    widths, strides = (16, 32, 64, 128), (2, 2, 2)
    return UNet(2, channels, classes + 1, widths, strides, num_res_units=1, norm="instance")


SEGMENTERS: Mapping[str, Callable[[int, int], nn.Module]] = {"unet": unet}
