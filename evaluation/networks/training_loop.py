"""The loop that trains every network of this package, and the rows that its batches are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WARM_UP = 0.05  # share of the steps over which the learning rate rises
SMALLEST = 0.05  # share of the learning rate at the last step

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Step:
    """One step of training.

    Attributes:
        number: 1 for the first.
        loss: of its batch.
        validation: score of the validation pairs, higher is better, where it was measured.
    """

    number: int
    loss: float
    validation: float | None = None


@dataclass(eq=False)
class Best:
    """Keeps the best validated weights of a network in training, the latest among equals.

    Attributes:
        network: gets them back after the last step.
        steps: of the training.
        validate: score of the network as it is, higher is better; None keeps its last weights.
        every: steps between two validations; the last step always is validated.
    """

    network: nn.Module
    steps: int
    validate: Callable[[], float] | None
    every: int
    _held: tuple[float, dict[str, Tensor]] | None = None

    def after(self, number: int) -> float | None:
        """The score after a step, where it is due."""
        if self.validate is None or (number % self.every and number != self.steps):
            return None
        score = self.validate()
        if self._held is None or score >= self._held[0]:
            self._held = score, {k: v.clone() for k, v in self.network.state_dict().items()}
        if number == self.steps:
            self.network.load_state_dict(self._held[1])
        return score


def train_loop(
    network: nn.Module,
    loss: Callable[[], Tensor],
    *,
    steps: int,
    learning_rate: float,
    validate: Callable[[], float] | None = None,
    validate_every: int = 100,
) -> Iterator[Step]:
    """Trains in place and yields after every step: AdamW with warm-up and cosine decay.

    Args:
        network: is changed; with `validate` it ends with its best validated weights, the latest
            among equals, without it with the last ones.
        loss: draws the next batch and gives its loss.
        steps: number of optimiser steps.
        learning_rate: the highest one.
        validate: score of the network as it is, higher is better.
        validate_every: steps between two validations; the last step always is validated.

    Raises:
        ValueError: if the loss stops being finite.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101 (AdamW).
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda at: _rate(at, steps))
    best = Best(network, steps, validate, validate_every)
    for number in range(1, steps + 1):
        network.train()
        value = loss()
        if not torch.isfinite(value):
            raise ValueError(f"loss {value.item()} at step {number} is not finite; training stops")
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        schedule.step()
        yield Step(number, value.item(), best.after(number))


def sample_rows(
    usable: Sequence[Rows],
    batch: int,
    rng: np.random.Generator,
    chances: Sequence[NDArray[np.float64] | None] | None = None,
    shares: Sequence[int] | None = None,
) -> list[Rows]:
    """The rows of one batch, drawn with replacement from every part.

    Args:
        usable: of each part, the rows that may be drawn.
        batch: rows in all.
        rng: of the drawing.
        chances: of each part, the chance of each usable row; None means equal ones.
        shares: rows from each part; None means equally many, the first parts giving one row more
            where the batch cannot be divided.
    """
    counts = shares or [len(share) for share in np.array_split(np.arange(batch), len(usable))]
    odds = chances or [None] * len(usable)
    return [rng.choice(at, n, p=p) for at, n, p in zip(usable, counts, odds, strict=True)]


def batch_composition(
    batch: int, weights: Sequence[float], falls: tuple[int, int] | None = None
) -> Iterator[list[int]]:
    """How many rows of every part each batch takes, endlessly.

    No batch is more than one row off the weights, and all of them together are on them: with eight
    rows and weights 1 and 2 the first part gives 2, 3, 3, 2, 3, 3, …

    Args:
        batch: rows in all.
        weights: of one or two parts, not negative, not all 0.
        falls: of the last part's share, the step after which it falls in a line, and the one at
            which it is 0; None: it stays.
    """
    ends = np.cumsum([0.0, *weights]) / np.sum(weights)
    wanted, before = np.zeros(len(ends)), np.zeros(len(ends))
    for number in count(1):
        still = 1.0 if falls is None else _still(number, *falls)
        inner = 1 - (1 - ends[1:-1]) * still  # all of the others take what the last part leaves
        # Thirds and the like are not exact: 8 * 3 / 3 must not become 7.
        wanted += batch * np.concatenate([[0.0], inner, [1.0]])
        after = np.floor(wanted + 1e-6)
        yield [int(rows) for rows in np.diff(after - before)]
        before = after


def _still(number: int, start: int, end: int) -> float:
    return min(1.0, max(0.0, (end - number) / max(1, end - start)))


def _rate(at: int, steps: int) -> float:
    rise = max(1, round(WARM_UP * steps))
    fall = 0.5 * (1 + np.cos(np.pi * at / max(1, steps)))
    return float(min((at + 1) / rise, 1) * max(fall, SMALLEST))
