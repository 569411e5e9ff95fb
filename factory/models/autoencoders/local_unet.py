"""The network that draws detail: it sees places, not pictures, and no place attends to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor, nn

from factory.models.autoencoders.detail_prior import COLOURS

FOLD = 2  # pixels folded into channels, each way: full resolution dominates the time on a CPU
FREQUENCIES = (1, 2, 4, 8, 16, 32)  # that noise levels are embedded by
EMBEDDED = 128  # channels of the embedding
MIDDLE_BLOCKS = 4


def unit_places(x: Tensor) -> Tensor:
    """(B, C, h, w) with every place at unit mean square over its own channels: places stay apart."""
    # One pass less than with squares: a fifth of a training step is spent here.
    size = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x * (size.square() / x.shape[1] + 1e-5).rsqrt()


def silence(layer: nn.Module) -> None:
    """Makes a layer give 0 until it is trained."""
    for weights in layer.parameters():
        nn.init.zeros_(weights)


class Block(nn.Module):
    """Two convolutions beside a shortcut, scaled and shifted by the noise levels."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(EMBEDDED, 2 * inward)
        self.first = nn.Conv2d(inward, outward, 3, padding=1)
        self.second = nn.Conv2d(outward, outward, 3, padding=1)
        self.shortcut = nn.Identity() if inward == outward else nn.Conv2d(inward, outward, 1)
        silence(self.modulation)
        silence(self.second)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(B, C, h, w) and embedded noise levels (B, E) -> (B, C', h, w)."""
        scale, shift = self.modulation(noise)[:, :, None, None].chunk(2, 1)
        made = self.first(F.silu(torch.addcmul(shift, unit_places(x), 1 + scale)))
        shortcut: Tensor = self.shortcut(x)
        return shortcut + self.second(F.silu(made))


def through(blocks: Iterable[nn.Module], x: Tensor, noise: Tensor) -> Tensor:
    """One block after the other."""
    for block in blocks:
        x = block(x, noise)
    return x


def grown(x: Tensor, to: Tensor) -> Tensor:
    """(B, C, h, w) as large as another; halving rounds up, so twice as large may be too much."""
    return F.interpolate(x, size=to.shape[2:])


class LocalUNet(nn.Module):
    """About 1.4 M weights at widths 32, 64 and 96 and two streams; untrained it predicts 0.

    Args:
        streams: S, pictures of three channels that are drawn together.
        widths: channels at a half, a quarter and an eighth of the resolution.
    """

    def __init__(self, streams: int, widths: Sequence[int]) -> None:
        super().__init__()
        half, quarter, eighth = widths
        read = 7 * streams  # noisy pictures, and what a `DetailPrior` tells
        self.embed = nn.Sequential(
            nn.Linear(4 * len(FREQUENCIES) * streams, EMBEDDED),
            nn.SiLU(),
            nn.Linear(EMBEDDED, EMBEDDED),
            nn.SiLU(),
        )
        self.enter = nn.Conv2d(read * FOLD**2, half, 3, padding=1)
        self.at_half = nn.ModuleList([Block(half, half)])
        self.to_quarter = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.at_quarter = nn.ModuleList([Block(quarter, quarter) for _ in range(2)])
        self.to_eighth = nn.Conv2d(quarter, eighth, 3, stride=2, padding=1)
        self.at_eighth = nn.ModuleList([Block(eighth, eighth) for _ in range(MIDDLE_BLOCKS)])
        self.from_eighth = nn.Conv2d(eighth, quarter, 1)
        self.up_quarter = nn.ModuleList([Block(2 * quarter, quarter), Block(quarter, quarter)])
        self.from_quarter = nn.Conv2d(quarter, half, 1)
        self.up_half = nn.ModuleList([Block(2 * half, half)])
        self.leave = nn.Conv2d(half, half * FOLD**2, 1)
        # At full resolution: folded pixels are drawn by weights of their own, which shows as a grid.
        self.fine = nn.Conv2d(half + read, half, 3, padding=1)
        # Of little noise much of the fine texture is noise, of much noise nothing else is.
        self.fine_modulation = nn.Linear(EMBEDDED, 2 * half)
        self.last = nn.Conv2d(half, COLOURS * streams, 3, padding=1)
        silence(self.fine_modulation)
        silence(self.last)

    def forward(self, noisy: Tensor, told: Tensor, angles: Tensor, disturbance: Tensor) -> Tensor:
        """What must be added to see less noise: the velocity of every stream.

        Args:
            noisy: noisy detail of all streams (B, 3S, H, W), H and W even.
            told: of the `DetailPrior` (B, 4S, H, W).
            angles: noise levels (B, S) in [0, pi/2]: 0 is none, pi/2 nothing else.
            disturbance: how far each coarse picture is to be mistrusted (B, S): the deviation of
                its noise, on [-1, 1].

        Returns:
            (B, 3S, H, W).
        """
        levels = torch.cat([angles, 2 * torch.pi * disturbance], 1)
        waves = levels[:, :, None] * levels.new_tensor(FREQUENCIES)
        noise = self.embed(torch.cat([waves.sin(), waves.cos()], -1).flatten(1))
        # As the convolutions read it: turned once here, not by each of them.
        full = torch.cat([noisy, told], 1).contiguous(memory_format=torch.channels_last)
        if torch.is_autocast_enabled(full.device.type):
            full = full.to(torch.get_autocast_dtype(full.device.type))
        half = through(self.at_half, self.enter(F.pixel_unshuffle(full, FOLD)), noise)
        quarter = through(self.at_quarter, self.to_quarter(half), noise)
        eighth = through(self.at_eighth, self.to_eighth(quarter), noise)
        quarter = torch.cat([quarter, grown(self.from_eighth(eighth), quarter)], 1)
        quarter = through(self.up_quarter, quarter, noise)
        half = torch.cat([half, grown(self.from_quarter(quarter), half)], 1)
        half = through(self.up_half, half, noise)
        fine = self.fine(torch.cat([F.pixel_shuffle(self.leave(half), FOLD), full], 1))
        scale, shift = self.fine_modulation(noise)[:, :, None, None].chunk(2, 1)
        made: Tensor = self.last(F.silu(torch.addcmul(shift, fine, 1 + scale)))
        return made
