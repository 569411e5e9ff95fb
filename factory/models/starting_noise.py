"""The noise that pairs are drawn from: a function of their seeds alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def starting_noise(seeds: Sequence[int], shape: tuple[int, int, int], stream: int) -> Tensor:
    """(B, C, h, w) standard normal; each row a function of its own seed and stream alone."""
    rows = []
    for seed in seeds:
        # The streams start from independent noise, hence a generator each.
        generator = torch.Generator().manual_seed((seed * 2 + stream) % 2**64)
        rows.append(torch.randn(shape, generator=generator))
    return torch.stack(rows)
