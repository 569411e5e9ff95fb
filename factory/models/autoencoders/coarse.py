"""Coarse pictures as latents: shrunk by area, and drawn at full size by a diffusion decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor

from factory.models.autoencoders.base import Autoencoder, Given
from factory.models.autoencoders.detail import draw
from factory.models.autoencoders.local_unet import COLOURS, LocalUNet
from factory.models.starting_noise import starting_noise
from factory.models.unet_files import read_json, write_json
from factory.models.weights import assign_state, read_state, write_state

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
DETAIL_NOISE = 1 << 40  # added to a stream's number: not the noise that latents are drawn from
TOKEN = 8  # pixels that a denoiser reads as one cell, each way
QUIETEST = 0.01  # deviation of detail, on [-1, 1]: flat pictures have none to divide by


@dataclass(frozen=True)
class CoarseConfig:
    """What is known of a coarse autoencoder beside its weights.

    Attributes:
        factor: pixels per latent cell, in each direction.
        streams: pictures of a pair that are drawn together: 2, or 1 for images alone.
        width: of the decoder.
        mean: of each channel of the shrunk pictures, on [-1, 1].
        std: of all of their channels together.
        detail: of each stream the deviation of what shrinking takes away, on [-1, 1].
    """

    factor: int
    streams: int
    width: int
    mean: Sequence[float] = (0.0, 0.0, 0.0)
    std: float = 1.0
    detail: Sequence[float] = (0.1, 0.1)


class CoarseAutoencoder(Autoencoder):
    """Pictures (B, 3, H, W) in [-1, 1] to smaller ones (B, 3, h, w), and back by drawing detail.

    Structure is learnt on few pixels then, and the decoder has as many examples as there are
    places. Image and mask are drawn together, so that their borders agree.

    Source: cascaded diffusion (arXiv 2106.15282); drawing both streams with noise levels of their
    own is UniDiffuser's (arXiv 2303.06555).
    """

    kind = "coarse"

    def __init__(self, config: CoarseConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = LocalUNet(config.streams, config.width)

    @property
    def factor(self) -> int:
        """How many times smaller than the picture a latent is, in each direction."""
        return self.config.factor

    @property
    def channels(self) -> int:
        """C of the latents: the colours of pictures."""
        return COLOURS

    @property
    def fold(self) -> int:
        """A denoiser reads 8 x 8 pixels as one cell: attention to each coarse pixel takes hours."""
        return TOKEN // self.factor

    def shrunk(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, h, w): the mean of every cell's pixels."""
        return F.avg_pool2d(pictures, self.factor)

    def enlarged(self, coarse: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, H, W), smooth: what the decoder adds detail to."""
        return F.interpolate(coarse, scale_factor=float(self.factor), mode="bilinear")

    @torch.no_grad()
    def measure_statistics(self, pictures: Tensor) -> None:
        """Makes the latents of `pictures` zero-mean, of unit variance over all channels together."""
        coarse = self.shrunk(pictures)
        mean = coarse.mean((0, 2, 3))
        std = (coarse - mean.view(1, -1, 1, 1)).square().mean().sqrt().clamp(min=QUIETEST)
        self.config = replace(self.config, mean=tuple(mean.tolist()), std=std.item())

    @torch.no_grad()
    def measure_detail(self, pictures: Tensor, coarse: Tensor) -> None:
        """Learns how much there is to draw.

        Args:
            pictures: of all S streams, (N, 3S, H, W) in [-1, 1].
            coarse: what the decoder would be given of them, (N, 3S, h, w).
        """
        lost = (pictures - self.enlarged(coarse)).square().mean((0, 2, 3))
        deviations = lost.view(self.config.streams, COLOURS).mean(1).sqrt().clamp(min=QUIETEST)
        self.config = replace(self.config, detail=tuple(deviations.tolist()))

    def detail(self, like: Tensor) -> Tensor:
        """Deviation of what is drawn, (1, 3S, 1, 1)."""
        deviations = like.new_tensor(list(self.config.detail))[None, : self.config.streams]
        return deviations.repeat_interleave(COLOURS, 1)[:, :, None, None]

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 3, h, w)."""
        coarse = self.shrunk(pictures)
        return (coarse - self._mean(coarse)) / self.config.std

    @torch.no_grad()
    def decode_streams(
        self, latents: Sequence[Tensor], seeds: Sequence[int], given: Given | None = None
    ) -> list[Tensor]:
        """The pictures of all streams, drawn together; those that are given come back as they are.

        Raises:
            ValueError: if there are not as many streams as were trained together.
        """
        if len(latents) != self.config.streams:
            raise ValueError(
                f"{len(latents)} streams of latents for a decoder of {self.config.streams}: it "
                "draws them together; give all"
            )
        given = [None] * len(latents) if given is None else given
        coarse = [stream * self.config.std + self._mean(stream) for stream in latents]
        enlarged = self.enlarged(torch.cat(coarse, 1))
        low, size = (x.split(COLOURS, 1) for x in (enlarged, self.detail(enlarged)))
        known = [
            None if whole is None else (whole - low[i]) / size[i] for i, whole in enumerate(given)
        ]
        shape = (COLOURS, enlarged.shape[2], enlarged.shape[3])
        noise = [starting_noise(seeds, shape, DETAIL_NOISE + i) for i in range(len(latents))]
        drawn = draw(self.decoder, enlarged, torch.cat(noise, 1).to(enlarged), known)
        pictures = (enlarged + self.detail(enlarged) * drawn).clamp(-1, 1).split(COLOURS, 1)
        return [
            made if whole is None else whole for made, whole in zip(pictures, given, strict=True)
        ]

    def _mean(self, like: Tensor) -> Tensor:
        return like.new_tensor(list(self.config.mean)).view(1, -1, 1, 1)

    def save(self, folder: Path) -> None:
        """Writes config.json and safetensors weights, under the names that every `vae/` has."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / CONFIG, {"_class_name": type(self).__name__, **asdict(self.config)})
        write_state(self.decoder, folder / WEIGHTS, next(self.parameters()).dtype)

    @classmethod
    def load(cls, folder: Path) -> CoarseAutoencoder:
        """Reads what `save` wrote; weights as float32."""
        content = read_json(folder / CONFIG)
        config = CoarseConfig(**{k: v for k, v in content.items() if not k.startswith("_")})
        autoencoder = cls(config)
        assign_state(autoencoder.decoder, read_state(folder / WEIGHTS), folder / WEIGHTS)
        return autoencoder
