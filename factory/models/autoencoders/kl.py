"""The autoencoder that is trained to compress: diffusers' AutoencoderKL, small or from a hub."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from factory.errors import InputError
from factory.models.autoencoders.base import Autoencoder, Given
from factory.models.autoencoders.pca_init import start_linear
from factory.models.starting_noise import Seed


class KLAutoencoder(Autoencoder):
    """Pictures (B, 3, H, W) in [-1, 1] to latents (B, C, h, w) of unit variance, and back.

    Small presets fold `patch` x `patch` pixels into channels first (pixel unshuffle), because
    full-resolution convolutions dominate the time on a CPU; hub autoencoders have patch 1.
    """

    kind = "kl"

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    @staticmethod
    def small(factor: int, pictures: Tensor) -> KLAutoencoder:
        """At most 1.7 M parameters, all on the latent grid; starts as a linear code.

        Sixteen latent channels, not Stable Diffusion's four: on chest X-rays of 128 px the best
        linear code of four leaves an L1 error of 0.060 on [-1, 1], one of sixteen 0.023.

        Args:
            factor: 8 (128 x 128 pixels become 16 x 16 x 16) or 4 (64 x 64 do).
            pictures: (N, 3, H, W) in [-1, 1], of the kind to be coded.
        """
        vae = AutoencoderKL(
            in_channels=3 * factor**2,
            out_channels=3 * factor**2,
            latent_channels=16,
            block_out_channels=(96,),
            layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",),
            up_block_types=("UpDecoderBlock2D",),
            norm_num_groups=16,
        )
        start_linear(vae, F.pixel_unshuffle(pictures, factor).movedim(1, -1).flatten(0, 2))
        return KLAutoencoder(vae)

    @property
    def patch(self) -> int:
        return isqrt(self.vae.config.in_channels // 3)

    @property
    def factor(self) -> int:
        """How many times smaller than the picture a latent is, in each direction."""
        return self.patch * 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def channels(self) -> int:
        """C of the latents."""
        return int(self.vae.config.latent_channels)

    def posterior(self, pictures: Tensor) -> DiagonalGaussianDistribution:
        """Distribution of the unscaled latents, for training."""
        return self.vae.encode(F.pixel_unshuffle(pictures, self.patch)).latent_dist

    def picture(self, unscaled: Tensor) -> Tensor:
        """Pictures of unscaled latents, not clamped."""
        return F.pixel_shuffle(self.vae.decode(unscaled).sample, self.patch)

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        config = self.vae.config
        mean = config.latents_mean or [0.0] * config.latent_channels
        std = config.latents_std or [1 / config.scaling_factor] * config.latent_channels
        return like.new_tensor(mean).view(1, -1, 1, 1), like.new_tensor(std).view(1, -1, 1, 1)

    @torch.no_grad()
    def measure_statistics(self, pictures: Tensor) -> None:
        """Makes the latents of `pictures` zero-mean, of unit variance over all channels together.

        Each channel is multiplied by its own deviation. A linear start levels the channels half
        way (`pca_init.start_linear`), which helps the autoencoder; undone here, texture is as
        quiet beside structure as it is in pixels, and noise covers texture first, structure last.
        """
        latents = torch.cat([self.posterior(part).mode() for part in pictures.split(32)])
        mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        rms = std.square().square().mean().sqrt()  # of channels multiplied by their deviations
        config = {"latents_mean": mean.tolist(), "latents_std": (rms / std).tolist()}
        self.vae.register_to_config(**config)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, C, h, w); the mode of the posterior."""
        latents = self.posterior(pictures).mode()
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 3, H, W) in [-1, 1]."""
        mean, std = self._statistics(latents)
        return self.picture(latents * std + mean).clamp(-1, 1)

    def decode_streams(
        self,
        latents: Sequence[Tensor],
        seeds: Sequence[Seed],
        given: Given | None = None,
        anew: Tensor | None = None,
    ) -> list[Tensor]:
        """The pictures of each stream by itself: nothing is drawn, so seeds decide nothing."""
        return [self.decode(stream) for stream in latents]

    def save(self, folder: Path) -> None:
        """Writes config.json and safetensors weights, the layout of a hub's `vae/`."""
        self.vae.save_pretrained(folder, safe_serialization=True)

    @classmethod
    def load(cls, folder: Path) -> KLAutoencoder:
        """Reads a `vae/` folder, ours or a hub's; weights as float32.

        Raises:
            InputError: if the weights are not all there.
        """
        vae, report = AutoencoderKL.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        # diffusers would leave these without any number, and go on.
        if absent := sorted(report["missing_keys"]):
            raise InputError(
                f"{folder} lacks {len(absent)} weights ({absent[0]}, ...) that its config.json asks "
                "for: pictures would be drawn as noise; give the autoencoder of the checkpoint itself"
            )
        # Else the folder it was read from would be written into every copy.
        vae.register_to_config(_name_or_path="")
        return cls(vae.float())
