"""The networks that judge pairs and show what pairs are worth: segmenters and classifiers."""

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


def segresnet(channels: int, classes: int) -> nn.Module:
    """Small residual encoder with a light decoder, 0.4 M weights; otherwise as `unet`.

    Another family of network than `unet`: what holds for both is less likely to be a quirk of one.

    Source: Myronenko 2018, arXiv:1810.11654.
    """
    from monai.networks.nets import SegResNet

    return SegResNet(2, init_filters=8, in_channels=channels, out_channels=classes + 1)


def transunet(channels: int, classes: int) -> nn.Module:
    """Convolutions with a transformer between them, 1.0 M weights; otherwise as `unet`.

    The transformer sees the whole image at once. On a CPU a step takes about four times as long as
    one of `unet`.

    Source: Chen et al. 2021, TransUNet, arXiv:2102.04306.
    """
    from evaluation.networks.transunet import TransUNet

    return TransUNet(channels, classes + 1)


SEGMENTERS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "unet": unet,
    "segresnet": segresnet,
    "transunet": transunet,
}


def unet3d(channels: int, classes: int) -> nn.Module:
    """`unet` in three dimensions, 0.3 M weights; sides of its patches are multiples of 4."""
    from monai.networks.nets import UNet

    return UNet(3, channels, classes + 1, (16, 32, 64), (2, 2), num_res_units=1, norm="instance")


def segresnet3d(channels: int, classes: int) -> nn.Module:
    """`segresnet` in three dimensions, 1.2 M weights; sides of its patches are multiples of 8."""
    from monai.networks.nets import SegResNet

    return SegResNet(3, init_filters=8, in_channels=channels, out_channels=classes + 1)


VOLUME_SEGMENTERS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "unet3d": unet3d,
    "segresnet3d": segresnet3d,
}
# No network of one size, but one that plans itself by the pairs of each arm: see evaluation.networks.nnunet.
NNUNET = "nnunet"
NNUNET3D = "nnunet3d"  # of whole volumes


def resnet(channels: int, labels: int) -> nn.Module:
    """Small residual network, 0.08 M weights; sides of its images are 16 or more.

    Normalised by groups of channels, so that an answer depends on no other image of the batch,
    and averaged over all places, so that images of any size fit.

    Args:
        channels: of the image.
        labels: number of outputs.

    Source: He et al. 2016, arXiv:1512.03385; Wu & He 2018, arXiv:1803.08494 (group norm).
    """
    from monai.networks.nets import ResNet

    norm = ("group", {"num_groups": 4})
    widths = [8, 16, 32, 64]
    return ResNet("basic", [1, 1, 1, 1], widths, 2, channels, 5, 2, num_classes=labels, norm=norm)


def densenet(channels: int, labels: int) -> nn.Module:
    """Small densely connected network, 0.05 M weights; otherwise as `resnet`.

    Source: Huang et al. 2017, arXiv:1608.06993.
    """
    from monai.networks.nets import DenseNet

    norm = ("group", {"num_groups": 4})
    return DenseNet(2, channels, labels, 32, 8, (4, 4, 4), norm=norm)


CLASSIFIERS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "resnet": resnet,
    "densenet": densenet,
}
