"""The noise that pairs are drawn from: a function of their seeds alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Between:
    """A seed on the way from one to another: its noise turns from the first's to the second's.

    Turned as on a circle, a mixture of independent normal noise is normal, of variance 1.

    Attributes:
        first, second: seeds.
        share: of the way, in [0, 1].
    """

    first: int
    second: int
    share: float


Seed = int | Between


def starting_noise(seeds: Sequence[Seed], shape: tuple[int, int, int], stream: int) -> Tensor:
    """(B, C, h, w) standard normal; each row a function of its own seed and stream alone."""
    return torch.stack([_row(seed, shape, stream) for seed in seeds])


def _row(seed: Seed, shape: tuple[int, int, int], stream: int) -> Tensor:
    if isinstance(seed, Between):
        angle = seed.share * math.pi / 2
        first, second = (_row(each, shape, stream) for each in (seed.first, seed.second))
        return math.cos(angle) * first + math.sin(angle) * second
    # The streams start from independent noise, hence a generator each.
    generator = torch.Generator().manual_seed((seed * 2 + stream) % 2**64)
    return torch.randn(shape, generator=generator)
