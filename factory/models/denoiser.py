"""What denoisers of one stream and of two have in common: a stock UNet, and what it need not learn.

Trainer and sampler see a denoiser as a list of streams: (latents, timesteps, texts) -> predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from factory.models.gaussian_prior import GaussianPrior

Config = Mapping[str, object]


OURS = ("fold", "octaves")  # keys of a denoiser's configuration that the stock UNet has not


def unet_config(config: Config, streams: int = 1) -> dict[str, object]:
    """Arguments of the stock UNet that a denoiser is made from.

    Args:
        config: of the denoiser, for one stream.
        streams: whose latents are channels of one input and one output.
    """
    stock = {k: v for k, v in config.items() if not k.startswith("_") and k not in OURS}
    places = place_channels(_integer(config, "octaves", 0))
    if streams == 1 and not places:
        return stock
    inputs, outputs = (streams * _integer(config, f"{end}_channels", 4) for end in ("in", "out"))
    return {**stock, "in_channels": inputs + places, "out_channels": outputs}


def place_channels(octaves: int) -> int:
    """How many channels say where a cell lies, see `placed`."""
    return 2 + 4 * octaves if octaves else 0


def placed(latents: Tensor, channels: int, moved: Tensor | None = None) -> Tensor:
    """Latents (B, C, h, w), and channels that say where each cell lies, (B, channels, h, w).

    These are row and column from -1 to 1, and sine and cosine of both in octaves from one wave
    across the picture on; none where the latents have as many channels as the network reads. An
    anatomy has its place in the picture, and convolutions learn places from its edges alone.

    Source: CoordConv (arXiv 1807.03247) with the octaves of Fourier features (arXiv 2006.10739).

    Args:
        latents: of one stream, or of both as channels.
        channels: that the network reads.
        moved: (B, 2, 3) where the cells of a picture that was turned, scaled or moved lay before; None
            for pictures as they are. So variants teach what an anatomy looks like, and not that it lies
            anywhere, any way up: what is drawn lies as it does in pictures that nobody moved.
            Source: non-leaky augmentation, Karras et al. 2022 (arXiv 2206.00364, appendix F.2).
    """
    octaves = (channels - latents.shape[1] - 2) // 4
    if channels == latents.shape[1]:
        return latents
    both = _cells(latents) if moved is None else _moved_cells(latents, moved)
    waves = [
        turn(torch.pi * 2**k * both) for k in range(octaves) for turn in (torch.sin, torch.cos)
    ]
    places = torch.cat([both, *waves], 1).to(latents)
    return torch.cat([latents, places.expand(len(latents), -1, -1, -1)], 1)


def _cells(latents: Tensor) -> Tensor:
    """(1, 2, h, w) row and column of each cell, from -1 to 1."""
    rows, columns = (torch.linspace(-1, 1, side) for side in latents.shape[2:])
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


def _moved_cells(latents: Tensor, moved: Tensor) -> Tensor:
    """(B, 2, h, w) the same of the place that each cell is from."""
    size = [len(moved), 1, *latents.shape[2:]]
    columns, rows = F.affine_grid(moved.cpu(), size, align_corners=False).unbind(3)
    # There the outermost edges lie at -1 and 1, here the middles of the outermost cells.
    sides = zip((rows, columns), latents.shape[2:], strict=True)
    return torch.stack([each * side / max(1, side - 1) for each, side in sides], 1)


def _integer(config: Config, name: str, default: int) -> int:
    value = config.get(name, default)
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    return value


Predictions = tuple[Tensor, ...]  # one (B, C, h, w) for each stream

STREAMS = ("image", "mask")  # their order everywhere; a model of one stream has the first


class Denoiser(nn.Module):
    """A stock UNet, as it is or coupled, that learns what a prior leaves open.

    Args:
        config: arguments of diffusers' `UNet2DConditionModel` for ONE stream; `fold`, where it is
            there, is how many latent cells the network reads as one, each way, and `octaves` how
            finely it is told where a cell lies, see `placed`.
        unet: the network made from it.
        prior: what is known of each stream's latents; None: nothing.

    Attributes:
        unet: the diffusers network; its state dict has the public key names.
        streams: how many it denoises together.
    """

    streams: ClassVar[int]

    def __init__(
        self, config: Config, unet: UNet2DConditionModel, prior: GaussianPrior | None
    ) -> None:
        super().__init__()
        self.config = {k: v for k, v in config.items() if not k.startswith("_")}
        self.fold = _integer(config, "fold", 1)
        self.prior = prior
        self.unet = unet
        if prior is not None:
            # Untrained, the network adds nothing to the prior.
            nn.init.zeros_(self.unet.conv_out.weight)
            nn.init.zeros_(self.unet.conv_out.bias)

    def beside_prior(
        self,
        learned: Callable[..., Predictions],
        latents: Sequence[Tensor],
        times: Sequence[Tensor],
    ) -> Predictions:
        """What the prior expects of noisy latents, and what the network adds to it.

        Args:
            learned: the network; takes the streams as it wants to read them.
            latents: noisy latents (B, C, h, w) of each stream.
            times: timesteps (B,) of each stream.
        """
        prior = self.prior
        if prior is None:
            return self._folded(learned, latents)
        noisy = list(enumerate(zip(latents, times, strict=True)))
        made = self._folded(learned, [prior.scaled(stream, t, i) for i, (stream, t) in noisy])
        return tuple(
            prior.velocity(stream, t, i) + prior.unknown(t, i) * made[i] for i, (stream, t) in noisy
        )

    def _folded(
        self, learned: Callable[..., Predictions], latents: Sequence[Tensor]
    ) -> Predictions:
        """What the network makes of latents whose neighbouring cells are read as channels of one."""
        if self.fold == 1:
            return learned(*latents)
        made = learned(*(F.pixel_unshuffle(stream, self.fold) for stream in latents))
        return tuple(F.pixel_shuffle(stream, self.fold) for stream in made)

    def leaves_open(self, t: Tensor, stream: int, spread: Tensor) -> Tensor:
        """Mean squared error (B,) before shapes are learnt, see `GaussianPrior.leaves_open`.

        1 without a prior, which leaves losses as they are.
        """
        if self.prior is None:
            return torch.ones_like(t, dtype=torch.float32)
        return self.prior.leaves_open(t, stream, spread)


def predictions(
    denoiser: nn.Module,
    latents: Sequence[Tensor],
    times: Sequence[Tensor],
    text: Sequence[Tensor],
    moved: Tensor | None = None,
) -> Predictions:
    """What a denoiser predicts for each of its streams.

    A function, not a method: the trainer's wrapper of a network passes on its calls alone.

    Args:
        denoiser: a `Denoiser`, wrapped or not.
        latents: noisy latents (B, C, h, w), one for each stream, in the order of `STREAMS`.
        times: timesteps (B,) likewise.
        text: text states (B, L, D) likewise.
        moved: (B, 2, 3) how pictures were moved, see `placed`; None for pictures as they are.
    """
    made = denoiser(*latents, *times, *text, moved)
    return (made,) if isinstance(made, Tensor) else made
