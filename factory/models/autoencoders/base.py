"""What every autoencoder offers denoiser, trainer and generators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor, nn

from factory.models.autoencoders.ends import Ends
from factory.models.starting_noise import Seed

Given = Sequence[Tensor | None]  # full-size pictures of the streams that are given; None: drawn


def touched_cells(region: Tensor, size: Sequence[int]) -> Tensor:
    """(B, 1, H, W) True at some pixels -> (B, 1, h, w) True at every cell with such a pixel.

    Args:
        region: where something is drawn.
        size: h and w, which H and W are multiples of.
    """
    return F.adaptive_max_pool2d(region.float(), tuple(size)) > 0


class Autoencoder(nn.Module, ABC):
    """Pictures (B, 3, H, W) in [-1, 1] to latents (B, C, h, w) of unit variance, and back.

    Attributes:
        kind: as recipes name it.
    """

    kind: str

    @property
    @abstractmethod
    def factor(self) -> int:
        """How many times smaller than the picture a latent is, in each direction."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """C of the latents."""

    @property
    def ends(self) -> Ends:
        """How far from black and white it draws images where real ones are there."""
        return Ends()

    def fold(self, side: int, cells: int) -> int:
        """How many latent cells a denoiser reads as one, in each direction.

        Args:
            side: of the pictures, in pixels.
            cells: that the denoiser is meant to read, in each direction.
        """
        return 1

    @abstractmethod
    def measure_statistics(self, pictures: Tensor) -> None:
        """Makes the latents of `pictures` zero-mean, of unit variance over all channels together."""

    @abstractmethod
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, C, h, w)."""

    @abstractmethod
    def decode_streams(
        self,
        latents: Sequence[Tensor],
        seeds: Sequence[Seed],
        given: Given | None = None,
        anew: Tensor | None = None,
    ) -> list[Tensor]:
        """The pictures (B, 3, H, W) in [-1, 1] of all streams of B pairs, decoded together.

        Args:
            latents: of each stream, (B, C, h, w).
            seeds: B of them: where a decoder draws, the seed of a pair decides all it draws of it.
            given: of each stream the pictures that its latents come from, where they are known; a
                decoder that draws returns them as they are, and the others in agreement with them.
            anew: (B, 1, H, W) True where a decoder draws although all pictures are given, in
                agreement with what is around; None: nowhere.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes config.json and safetensors weights into a checkpoint's `vae/`."""
