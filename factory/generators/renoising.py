"""Finished images noised anew: the network run on them once more, at stated noise levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from factory.models.checkpoints import Components
from factory.models.starting_noise import starting_noise
from factory.models.text_to_image import TextToImageUNet
from factory.pairs import Images
from factory.pictures import image_pictures

OTHER_NOISE = 1 << 32  # added to a level's number: not the noise that an image was drawn from


@dataclass(frozen=True, eq=False)
class RenoisedImages:
    """A batch of images, and the network that is run on them once more.

    Attributes:
        parts: of the checkpoint.
        images: (B, H, W, C), of the size and channels that the model makes.
        seeds: B of them; each draws the noise of its image, other noise at every level.
    """

    parts: Components[TextToImageUNet]
    images: Images
    seeds: Sequence[int]

    @cached_property
    def clean(self) -> Tensor:
        """Latents (B, C, h, w) of the images."""
        device = next(self.parts.autoencoder.parameters()).device
        pictures = image_pictures(self.images).to(device) / 127.5 - 1
        with torch.no_grad():
            return self.parts.autoencoder.encode(pictures)

    @torch.no_grad()
    def predictions(self, captions: Sequence[str], levels: Sequence[int]) -> list[Tensor]:
        """What the network predicts (B, C, h, w) at each level, given a caption for each image.

        The noise of a level does not depend on the captions.
        """
        device, (_, channels, height, width) = self.clean.device, self.clean.shape
        states = self.parts.text(captions).to(device)
        schedule = DDIMScheduler.from_config(dict(self.parts.scheduler_config))
        found = []
        for number, level in enumerate(levels):
            noise = starting_noise(self.seeds, (channels, height, width), OTHER_NOISE + number).to(
                device
            )
            times = torch.full((len(captions),), level, device=device)
            noisy = schedule.add_noise(self.clean, noise, times)
            found.append(self.parts.unet(noisy, times, states))
        return found
