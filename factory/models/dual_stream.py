"""One UNet that denoises an image and its mask together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from factory.models.denoiser import Config, Denoiser, placed, unet_config
from factory.models.gaussian_prior import GaussianPrior
from factory.models.joint_attention import JointBlock, OfficialBlock, couple


@dataclass(frozen=True)
class Streams:
    """What the network reads, one image and one mask per pair.

    Attributes:
        image, mask: latents (B, C, h, w).
        image_t, mask_t: timesteps (B,) integer; the two may differ.
        image_text, mask_text: text states (B, L, D).
        moved: (B, 2, 3) how pairs were moved, see `placed`; None for pairs as they are.
    """

    image: Tensor
    mask: Tensor
    image_t: Tensor
    mask_t: Tensor
    image_text: Tensor
    mask_text: Tensor
    moved: Tensor | None = None

    def __post_init__(self) -> None:
        batch = len(self.image)
        if self.image.ndim != 4 or self.image.shape != self.mask.shape:
            raise ValueError(
                f"image {tuple(self.image.shape)} and mask {tuple(self.mask.shape)} must be "
                "latents of one shape (B, C, h, w)"
            )
        if self.image_t.shape != (batch,) or self.mask_t.shape != (batch,):
            raise ValueError(
                f"timesteps {tuple(self.image_t.shape)} and {tuple(self.mask_t.shape)} must both "
                f"be ({batch},): one per image and one per mask"
            )
        if self.image_text.shape != self.mask_text.shape or len(self.image_text) != batch:
            raise ValueError(
                f"text states {tuple(self.image_text.shape)} and {tuple(self.mask_text.shape)} "
                f"must be of one shape ({batch}, L, D)"
            )


Outputs = tuple[Tensor, Tensor]  # image and mask, each (B, C, h, w)


@dataclass(frozen=True)
class Coupling:
    """One way to let the streams meet.

    Attributes:
        build: makes the network from the configuration of a plain one-stream UNet.
        run: feeds that network with the two streams.
    """

    build: Callable[[Config], UNet2DConditionModel]
    run: Callable[[UNet2DConditionModel, Streams], Outputs]


def plain(config: Config) -> UNet2DConditionModel:
    """The stock UNet of a configuration."""
    return UNet2DConditionModel(**unet_config(config))


def stacked(unet: UNet2DConditionModel, streams: Streams) -> Outputs:
    """Images, then masks, as one batch of 2B: every layer's weights serve both streams."""
    moved = None if streams.moved is None else streams.moved.repeat(2, 1, 1)
    latents = placed(torch.cat([streams.image, streams.mask]), unet.config.in_channels, moved)
    timesteps = torch.cat([streams.image_t, streams.mask_t])
    text = torch.cat([streams.image_text, streams.mask_text])
    image, mask = unet(latents, timesteps, text, return_dict=False)[0].chunk(2)
    return image, mask


def doubled(config: Config) -> UNet2DConditionModel:
    """The stock UNet with room for both latents, and an embedding of the mask's timestep."""
    return UNet2DConditionModel(**{**unet_config(config, 2), "class_embed_type": "timestep"})


def concatenated(unet: UNet2DConditionModel, streams: Streams) -> Outputs:
    """Image and mask as the channels of one input, both prompts as one long prompt."""
    both = torch.cat([streams.image, streams.mask], dim=1)
    latents = placed(both, unet.config.in_channels, streams.moved)
    text = torch.cat([streams.image_text, streams.mask_text], dim=1)
    # diffusers takes the second timestep as "class labels" when the class embedding is a timestep.
    output = unet(latents, streams.image_t, text, class_labels=streams.mask_t, return_dict=False)
    image, mask = output[0].chunk(2, dim=1)
    return image, mask


COUPLINGS: Mapping[str, Coupling] = MappingProxyType(
    {
        "official": Coupling(lambda config: couple(plain(config), OfficialBlock), stacked),
        "joint": Coupling(lambda config: couple(plain(config), JointBlock), stacked),
        "concat": Coupling(doubled, concatenated),
    }
)


class DualStreamUNet(Denoiser):
    """A stock UNet whose image stream and mask stream see each other.

    Args:
        config: arguments of diffusers' `UNet2DConditionModel` for ONE stream.
        coupling: a name in `COUPLINGS`.
        prior: what is known of the latents; the network then learns only what it leaves open.

    Attributes:
        unet: the diffusers network; its state dict has the public key names.
    """

    streams: ClassVar[int] = 2

    def __init__(
        self, config: Config, coupling: str = "joint", prior: GaussianPrior | None = None
    ) -> None:
        if coupling not in COUPLINGS:
            raise ValueError(f"unknown coupling {coupling!r}; there are {', '.join(COUPLINGS)}")
        super().__init__(config, COUPLINGS[coupling].build(config), prior)
        self.coupling = coupling

    def forward(
        self,
        image: Tensor,
        mask: Tensor,
        image_t: Tensor,
        mask_t: Tensor,
        image_text: Tensor,
        mask_text: Tensor,
        moved: Tensor | None = None,
    ) -> Outputs:
        """What the network predicts (noise or velocity, as trained) for both streams.

        Args:
            image: noisy image latents (B, C, h, w).
            mask: noisy mask latents (B, C, h, w).
            image_t: timesteps of the images (B,), integer.
            mask_t: timesteps of the masks (B,), integer; may differ from `image_t`.
            image_text: text states of the image prompts (B, L, D).
            mask_text: text states of the mask prompts (B, L, D).
            moved: (B, 2, 3) how pairs were moved, see `placed`; None for pairs as they are.

        Returns:
            Predictions for images and for masks, each (B, C, h, w).
        """

        def learned(image: Tensor, mask: Tensor) -> Outputs:
            streams = Streams(image, mask, image_t, mask_t, image_text, mask_text, moved)
            return COUPLINGS[self.coupling].run(self.unet, streams)

        made = self.beside_prior(learned, (image, mask), (image_t, mask_t))
        return made[0], made[1]
