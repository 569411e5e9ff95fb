"""The network that draws detail: it sees places, not pictures, and no place attends to another."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor, nn

COLOURS = 3  # channels of each stream
FOLD = 4  # pixels folded into channels, each way: full resolution dominates the time on a CPU
FREQUENCIES = (1, 2, 4, 8, 16, 32)  # that noise levels are embedded by
MIDDLE_BLOCKS = 6
FINE = 24  # channels at full resolution


def level(x: Tensor) -> Tensor:
    """(B, C, h, w) with every place at unit mean square over its own channels: places stay apart."""
    return x * (x.square().mean(1, keepdim=True) + 1e-5).rsqrt()


def silence(layer: nn.Module) -> None:
    """Makes a layer give 0 until it is trained."""
    for weights in layer.parameters():
        nn.init.zeros_(weights)


class Block(nn.Module):
    """Two convolutions beside a shortcut, scaled and shifted by the noise levels."""

    def __init__(self, inward: int, outward: int, noise: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(noise, 2 * inward)
        self.first = nn.Conv2d(inward, outward, 3, padding=1)
        self.second = nn.Conv2d(outward, outward, 3, padding=1)
        self.shortcut = nn.Identity() if inward == outward else nn.Conv2d(inward, outward, 1)
        silence(self.modulation)
        silence(self.second)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(B, C, h, w) and embedded noise levels (B, E) -> (B, C', h, w)."""
        scale, shift = self.modulation(noise)[:, :, None, None].chunk(2, 1)
        made = self.first(F.silu(level(x) * (1 + scale) + shift))
        shortcut: Tensor = self.shortcut(x)
        return shortcut + self.second(F.silu(made))


class LocalUNet(nn.Module):
    """About 2.6 M weights at width 64 and two streams; untrained it predicts 0.

    Args:
        streams: S, pictures of three channels that are drawn together.
        width: channels at a quarter of the resolution; twice as many at an eighth.
    """

    def __init__(self, streams: int, width: int) -> None:
        super().__init__()
        wide, embedded, pictures = 2 * width, 2 * width, COLOURS * streams
        self.embed = nn.Sequential(
            nn.Linear(4 * len(FREQUENCIES) * streams, embedded),
            nn.SiLU(),
            nn.Linear(embedded, embedded),
            nn.SiLU(),
        )
        self.enter = nn.Conv2d(2 * pictures * FOLD**2, width, 3, padding=1)
        self.down = nn.ModuleList([Block(width, width, embedded) for _ in range(2)])
        self.shrink = nn.Conv2d(width, wide, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([Block(wide, wide, embedded) for _ in range(MIDDLE_BLOCKS)])
        self.grow = nn.Conv2d(wide, width, 3, padding=1)
        self.up = nn.ModuleList([Block(wide, width, embedded), Block(width, width, embedded)])
        self.leave = nn.Conv2d(width, FINE * FOLD**2, 3, padding=1)
        # At full resolution: folded pixels are drawn by weights of their own, which shows as a grid.
        self.fine = nn.Conv2d(FINE + 2 * pictures, FINE, 3, padding=1)
        # Of little noise much of the fine texture is noise, of much noise nothing else is.
        self.fine_modulation = nn.Linear(embedded, 2 * FINE)
        self.last = nn.Conv2d(FINE, pictures, 3, padding=1)
        silence(self.fine_modulation)
        silence(self.last)

    def forward(
        self, noisy: Tensor, enlarged: Tensor, angles: Tensor, disturbance: Tensor
    ) -> Tensor:
        """What must be added to see less noise: the velocity of every stream.

        Args:
            noisy: noisy detail of all streams (B, 3S, H, W), H and W multiples of 8.
            enlarged: coarse pictures of all streams at full size (B, 3S, H, W).
            angles: noise levels (B, S) in [0, pi/2]: 0 is none, pi/2 nothing else.
            disturbance: how far each coarse picture is to be mistrusted (B, S): the deviation of
                its noise, on [-1, 1].

        Returns:
            (B, 3S, H, W).
        """
        told = torch.cat([angles, 2 * torch.pi * disturbance], 1)
        waves = told[:, :, None] * told.new_tensor(FREQUENCIES)
        noise = self.embed(torch.cat([waves.sin(), waves.cos()], -1).flatten(1))
        full = torch.cat([noisy, enlarged], 1)
        x = self.enter(F.pixel_unshuffle(full, FOLD))
        for block in self.down:
            x = block(x, noise)
        deep = self.shrink(x)
        for block in self.middle:
            deep = block(deep, noise)
        x = torch.cat([x, self.grow(F.interpolate(deep, scale_factor=2.0))], 1)
        for block in self.up:
            x = block(x, noise)
        fine = torch.cat([F.pixel_shuffle(self.leave(x), FOLD), full], 1)
        scale, shift = self.fine_modulation(noise)[:, :, None, None].chunk(2, 1)
        made: Tensor = self.last(F.silu(self.fine(fine) * (1 + scale) + shift))
        return made
