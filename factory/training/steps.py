"""What a training loop yields, and where its randomness comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Progress:
    """One step of one stage: its number (from 1), how many there are, and the losses by name."""

    stage: str
    step: int
    steps: int
    losses: Mapping[str, float]


def step_generator(seed: int, step: int) -> torch.Generator:
    """Randomness of one step, a function of seed and number alone.

    A resumed training therefore draws what the uninterrupted one would have drawn, and no state
    of a random generator needs saving.
    """
    value = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(value)
