"""A UNet that denoises an image by its text: what generators of images alone stand on."""

from __future__ import annotations

from typing import ClassVar

from diffusers import UNet2DConditionModel
from torch import Tensor

from factory.models.denoiser import Config, Denoiser, Predictions, placed, unet_config
from factory.models.gaussian_prior import GaussianPrior


class TextToImageUNet(Denoiser):
    """The stock UNet of latent diffusion (arXiv 2112.10752), one stream.

    Nothing is added to the network, so that weights of a hub fit and its cross-attention is read
    where every tool for such networks looks for it.

    Args:
        config: arguments of diffusers' `UNet2DConditionModel`.
        prior: what is known of the latents; the network then learns only what it leaves open.

    Attributes:
        unet: the diffusers network.
    """

    streams: ClassVar[int] = 1

    def __init__(self, config: Config, prior: GaussianPrior | None = None) -> None:
        super().__init__(config, UNet2DConditionModel(**unet_config(config)), prior)

    def forward(
        self, image: Tensor, image_t: Tensor, image_text: Tensor, moved: Tensor | None = None
    ) -> Tensor:
        """What the network predicts (noise or velocity, as trained).

        Args:
            image: noisy latents (B, C, h, w).
            image_t: timesteps (B,), integer.
            image_text: text states (B, L, D).
            moved: (B, 2, 3) how pictures were moved, see `placed`; None for pictures as they are.

        Returns:
            The prediction (B, C, h, w).

        Raises:
            ValueError: if shapes disagree.
        """
        if image.ndim != 4 or image_t.shape != image.shape[:1] or len(image_text) != len(image):
            raise ValueError(
                f"latents {tuple(image.shape)}, timesteps {tuple(image_t.shape)} and text states "
                f"{tuple(image_text.shape)} must be (B, C, h, w), (B,) and (B, L, D) of one B"
            )

        def learned(noisy: Tensor) -> Predictions:
            latents = placed(noisy, self.unet.config.in_channels, moved)
            return (self.unet(latents, image_t, image_text, return_dict=False)[0],)

        return self.beside_prior(learned, [image], [image_t])[0]
