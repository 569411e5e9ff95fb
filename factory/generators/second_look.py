"""Looks at finished images again: the network run on them once more, at stated noise levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from factory.generators.drawing import latent_shape
from factory.images import ImageSection
from factory.models.checkpoints import Components
from factory.models.text_to_image import TextToImageUNet
from factory.pairs import Images
from factory.sampling import starting_noise
from factory.training.latents import image_pictures


@dataclass(frozen=True, eq=False)
class SecondLook:
    """A batch of images and the network that shall look at them.

    Attributes:
        parts: of the checkpoint.
        clean: latents (B, C, h, w) of the images.
        seeds: B of them; with a level's place they draw its noise.
    """

    parts: Components[TextToImageUNet]
    clean: Tensor
    seeds: Sequence[int]

    @staticmethod
    def at(
        images: Images,
        seeds: Sequence[int],
        parts: Components[TextToImageUNet],
        image: ImageSection,
    ) -> SecondLook:
        """Encodes images (B, H, W, C) of the size and channels that the model makes."""
        device = next(parts.autoencoder.parameters()).device
        clean = parts.autoencoder.encode(image_pictures(images).to(device) / 127.5 - 1)
        if clean.shape[1:] != latent_shape(parts.autoencoder, image):
            raise ValueError(f"images {images.shape} are not of the size of {image}")
        return SecondLook(parts, clean, seeds)

    @torch.no_grad()
    def predicted(self, told: Sequence[str], levels: Sequence[int]) -> list[Tensor]:
        """What the network predicts (B, C, h, w) at each level, told a caption for each image.

        The noise of a level does not depend on what is told.
        """
        device, shape = self.clean.device, (*self.clean.shape[1:],)
        states = self.parts.text(told).to(device)
        schedule = DDIMScheduler.from_config(dict(self.parts.scheduler_config))
        found = []
        for number, level in enumerate(levels):
            noise = starting_noise(self.seeds, shape, number).to(device)
            times = torch.full((len(told),), level, device=device)
            noisy = schedule.add_noise(self.clean, noise, times)
            found.append(self.parts.unet(noisy, times, states))
        return found
