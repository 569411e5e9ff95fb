"""Coarse pictures as latents: shrunk by area, and drawn at full size by diffusion decoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from factory.models.autoencoders.base import Autoencoder, Given, touched_cells
from factory.models.autoencoders.detail import LOWEST, draw
from factory.models.autoencoders.detail_prior import (
    COLOURS,
    QUIETEST,
    DetailPrior,
    detail_ratios,
    doubled,
    halved,
)
from factory.models.autoencoders.ends import Ends
from factory.models.autoencoders.local_unet import LocalUNet
from factory.models.starting_noise import Seed, starting_noise
from factory.models.unet_files import read_json, write_json
from factory.models.weights import assign_state, read_state, write_state

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
DRAWN_TOGETHER = 8  # pictures, where ends are measured
ENOUGH_DETAIL = 0.7  # of the power of real pictures: 0.84 of their contrast
FLAT = 1e-7  # power of less than rounding to grey levels makes
DETAIL_NOISE = 1 << 40  # added to a stream's number: not the noise that latents are drawn from


@dataclass(frozen=True)
class CoarseConfig:
    """What is known of a coarse autoencoder beside its weights.

    Attributes:
        factor: pixels per latent cell, in each direction; a power of two.
        streams: pictures of a pair that are drawn together: 2, or 1 for images alone.
        width: channels that the last decoder has at half of the resolution.
        mean: of each channel of the shrunk pictures, on [-1, 1].
        std: of all of their channels together.
        ratios: of each doubling, the coarsest first, and of each stream, see `detail_ratios`.
        ends: how far from black and white images are drawn, see `Ends`.
        lowest: noise level at which drawing ends, see `measure_drawing`.
    """

    factor: int
    streams: int
    width: int
    mean: Sequence[float] = (0.0, 0.0, 0.0)
    std: float = 1.0
    ratios: Sequence[Sequence[float]] = ()
    ends: Sequence[float] = Ends()
    lowest: float = LOWEST[-1]

    @property
    def doublings(self) -> int:
        """How many decoders there are, each of which makes pictures twice as large."""
        return self.factor.bit_length() - 1

    def widths(self, doubling: int) -> tuple[int, ...]:
        """Channels of a decoder; those of small pictures are wider, where width costs little."""
        last = self.doublings - 1 - doubling
        return tuple(self.width * (last + place) for place in (1, 2, 3))


class CoarseAutoencoder(Autoencoder):
    """Pictures (B, 3, H, W) in [-1, 1] to smaller ones (B, 3, h, w), and back by drawing detail.

    Structure is learnt on few pixels then, and a decoder has as many examples as there are
    places. Each decoder doubles the size: ribs, which four pixels average away, are drawn where
    they are two pixels wide. Image and mask are drawn together, so that their borders agree.

    Source: cascaded diffusion (arXiv 2106.15282); drawing both streams with noise levels of their
    own is UniDiffuser's (arXiv 2303.06555).
    """

    kind = "coarse"

    def __init__(self, config: CoarseConfig) -> None:
        super().__init__()
        if not config.ratios:
            config = replace(config, ratios=((1.0,) * config.streams,) * config.doublings)
        self.config = config
        self.decoders = nn.ModuleList(
            LocalUNet(config.streams, config.widths(i)) for i in range(config.doublings)
        )

    @property
    def factor(self) -> int:
        """How many times smaller than the picture a latent is, in each direction."""
        return self.config.factor

    @property
    def channels(self) -> int:
        """C of the latents: the colours of pictures."""
        return COLOURS

    @property
    def ends(self) -> Ends:
        """As they were measured once its decoders were trained."""
        return Ends(*self.config.ends)

    def fold(self, side: int, cells: int) -> int:
        """A power of two, for no fewer cells than meant: each coarse pixel alone takes hours."""
        return 1 << max(0, (side // self.factor // cells).bit_length() - 1)

    def sizes(self, pictures: Tensor) -> list[Tensor]:
        """(B, C, H, W) at every size, the coarsest first: what decoders start from, and end with."""
        made = [pictures]
        for _ in range(self.config.doublings):
            made.insert(0, halved(made[0]))
        return made

    def prior(self, doubling: int, coarse: Tensor) -> DetailPrior:
        """What a doubling knows of pictures from those half as large (B, 3S, h, w)."""
        return DetailPrior.of(coarse, self.config.ratios[doubling])

    @torch.no_grad()
    def measure_statistics(self, pictures: Tensor) -> None:
        """Makes the latents of `pictures` zero-mean, of unit variance over all channels together."""
        coarse = self.sizes(pictures)[0]
        mean = coarse.mean((0, 2, 3))
        std = (coarse - mean.view(1, -1, 1, 1)).square().mean().sqrt().clamp(min=QUIETEST)
        self.config = replace(self.config, mean=tuple(mean.tolist()), std=std.item())

    @torch.no_grad()
    def measure_detail(self, pictures: Tensor) -> None:
        """Learns how much there is to draw of pictures of all S streams, (N, 3S, H, W) in [-1, 1]."""
        ratios = tuple(detail_ratios(whole) for whole in self.sizes(pictures)[1:])
        self.config = replace(self.config, ratios=ratios)

    @torch.no_grad()
    def measure_drawing(self, pictures: Tensor, disturbance: Tensor) -> None:
        """Learns at which noise level drawing ends, and where it then ends in place of black or white.

        The level is the highest that leaves enough of fine detail. A decoder that cannot tell where
        detail lies draws as much of it as there is, in wrong places: edges fray. What is expected
        behind some noise has less detail, in better ones.

        Args:
            pictures: of all S streams (N, 3S, H, W) in [-1, 1].
            disturbance: of the coarse ones (N, 3S, h, w): what a model draws is not quite real.
        """
        images = pictures[:, :COLOURS]
        for lowest in LOWEST:
            self.config = replace(self.config, lowest=lowest)
            drawn = self._drawn_again(pictures, disturbance)
            # The mean of logarithms: one picture of much detail must not stand for all.
            left = (fine_detail(drawn) / fine_detail(images)).log().mean().exp()
            if float(left) >= ENOUGH_DETAIL:
                break
        self.config = replace(self.config, ends=Ends.of(drawn, images))

    def _drawn_again(self, pictures: Tensor, disturbance: Tensor) -> Tensor:
        """The images (N, 3, H, W) of pictures, drawn from their coarse ones and a disturbance."""
        coarse = self.sizes(pictures)[0] + disturbance
        latents = [(x - self._mean(x)) / self.config.std for x in coarse.split(COLOURS, 1)]
        # A few at a time: large pictures, all at once, would not fit.
        parts = torch.arange(len(pictures)).split(DRAWN_TOGETHER)
        images = [self.decode_streams([x[at] for x in latents], at.tolist())[0] for at in parts]
        return torch.cat(images)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 3, h, w)."""
        coarse = self.sizes(pictures)[0]
        return (coarse - self._mean(coarse)) / self.config.std

    @torch.no_grad()
    def decode_streams(
        self,
        latents: Sequence[Tensor],
        seeds: Sequence[Seed],
        given: Given | None = None,
        anew: Tensor | None = None,
    ) -> list[Tensor]:
        """The pictures of all streams, drawn together; what is given comes back as it is.

        Raises:
            ValueError: if there are not as many streams as were trained together.
        """
        if len(latents) != self.config.streams:
            raise ValueError(
                f"{len(latents)} streams of latents for a decoder of {self.config.streams}: it "
                "draws them together; give all"
            )
        given = [None] * len(latents) if given is None else given
        known = [None if whole is None else self.sizes(whole) for whole in given]
        pictures = torch.cat(
            [stream * self.config.std + self._mean(stream) for stream in latents], 1
        )
        for i, decoder in enumerate(self.decoders):
            fixed = [None if sizes is None else sizes[i + 1] for sizes in known]
            prior = self.prior(i, pictures)
            places = None if anew is None else touched_cells(anew, prior.mean.shape[2:])
            noise = self._noise(seeds, i, prior.mean)
            drawn = draw(decoder, prior, noise, fixed, places, self.config.lowest)
            pictures = drawn.clamp(-1, 1)
        made = pictures.split(COLOURS, 1)
        if anew is not None:
            return list(made)
        return [x if whole is None else whole for x, whole in zip(made, given, strict=True)]

    def _noise(self, seeds: Sequence[Seed], doubling: int, like: Tensor) -> Tensor:
        """Standard normal (B, 3S, H, W), of every doubling and stream its own."""
        shape, streams = (COLOURS, *like.shape[2:]), self.config.streams
        numbers = range(doubling * streams, (doubling + 1) * streams)
        drawn = [starting_noise(seeds, shape, DETAIL_NOISE + number) for number in numbers]
        return torch.cat(drawn, 1).to(like)

    def _mean(self, like: Tensor) -> Tensor:
        return like.new_tensor(list(self.config.mean)).view(1, -1, 1, 1)

    def save(self, folder: Path) -> None:
        """Writes config.json and safetensors weights, under the names that every `vae/` has."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / CONFIG, {"_class_name": type(self).__name__, **asdict(self.config)})
        write_state(self.decoders, folder / WEIGHTS, next(self.parameters()).dtype)

    @classmethod
    def load(cls, folder: Path) -> CoarseAutoencoder:
        """Reads what `save` wrote; weights as float32."""
        content = read_json(folder / CONFIG)
        config = CoarseConfig(**{k: v for k, v in content.items() if not k.startswith("_")})
        autoencoder = cls(config)
        assign_state(autoencoder.decoders, read_state(folder / WEIGHTS), folder / WEIGHTS)
        return autoencoder


def fine_detail(pictures: Tensor) -> Tensor:
    """(B,) power of what halving takes from pictures (B, C, H, W) in [-1, 1]; never 0."""
    return (pictures - doubled(halved(pictures))).square().mean((1, 2, 3)) + FLAT
