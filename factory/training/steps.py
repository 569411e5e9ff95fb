"""What training loops share: what they yield, their randomness, their number format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch.nn.attention import SDPBackend, sdpa_kernel

from factory.errors import InputError
from factory.models.number_format import bf16_pays

MEMORY = 0.02  # weight of the last loss in the mean
LEARNT, NOTHING = 0.6, 1.0  # mean losses of who has learnt much, and of who knows mean images alone


@dataclass(frozen=True)
class Progress:
    """One step of one stage: its number (from 1), how many there are, and the losses by name."""

    stage: str
    step: int
    steps: int
    losses: Mapping[str, float]


@dataclass
class Trend:
    """Follows the loss of a training, which may rise, and never to that of one that knows nothing.

    Attributes:
        mean: of the last losses, about fifty.
        lowest: that it has been.
        seen: losses so far.
    """

    mean: float = 0.0
    lowest: float = math.inf
    seen: int = 0

    def follow(self, loss: float, rate: float) -> None:
        """Takes the loss of the next step.

        Args:
            loss: mean over all streams.
            rate: the highest learning rate, which the error names.

        Raises:
            InputError: if the training has fallen back or broken down; going on would be in vain.
        """
        self.seen += 1
        self.mean += (loss - self.mean) * max(MEMORY, 1 / self.seen)
        if self.seen > 1 / MEMORY:
            self.lowest = min(self.lowest, self.mean)
        lower = f"lower generator.train.learning_rate (it is {rate:g}), which trains anew"
        if not math.isfinite(loss):
            raise InputError(f"the training broke down: its loss is {loss}, for good; {lower}")
        if self.lowest < LEARNT < NOTHING < self.mean:
            raise InputError(
                f"the training fell back: its loss was {self.lowest:.2f} and is {self.mean:.2f} now, as "
                f"before anything was learnt, and would hardly fall any more; {lower}"
            )


def step_generator(seed: int, step: int) -> torch.Generator:
    """Randomness of one step, a function of seed and number alone.

    A resumed training therefore draws what the uninterrupted one would have drawn, and no state
    of a random generator needs saving.
    """
    value = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(value)


def learning_rate(peak: float, step: int, warm_up: int, turn: float, least: float) -> float:
    """Linear warm-up, then half a cosine down.

    Args:
        peak: the highest rate.
        step: number of the step, from 0.
        warm_up: steps until the peak.
        turn: how far the training is, from 0 to pi.
        least: what is left at the end, as a share of the peak.
    """
    rise = min(1.0, (step + 1) / max(1, warm_up))
    return peak * rise * (least + (1 - least) * 0.5 * (1 + float(np.cos(turn))))


def accelerator() -> Accelerator:
    """The device and number format of every training loop."""
    precision = "bf16" if bf16_pays() else "no"
    return Accelerator(mixed_precision=precision, cpu=not torch.cuda.is_available())


def attention_to_learn() -> AbstractContextManager[None]:
    """Plain attention where the fused kernel's way back is slower, in bfloat16 on a CPU."""
    if bf16_pays() and not torch.cuda.is_available():
        plain: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
        return plain
    return nullcontext()
