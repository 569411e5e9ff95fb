"""Two ways to one result, run in turns: how many times less processor time ours takes."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from numpy.typing import ArrayLike

from benchmarks.figures import Bar, Figure

ROUNDS = 5
RATED = 1536  # side of the matrices whose product says how fast the machine is

Way = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """The least that has to be computed, in one pass of ours.

    Attributes:
        gflop: additions and multiplications of matrix products and convolutions, in 10⁹.
        dtype: of these.
    """

    gflop: float
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True, eq=False)
class Contest:
    """What is compared.

    Attributes:
        task: in words, with its size.
        rival: whose way theirs is.
        ours: our way.
        theirs: the other one.
        reach: the ratio that is asked for; None: none is.
        work: what floor there is; None: not known.
        apart: how far the results are from one another, by name, as figures.
        quick: whether it is part of a quick run.
        each: how many things one pass makes; times are of one of them.
        theirs_each: likewise of the other way; None: as many.
    """

    task: str
    rival: str
    ours: Way
    theirs: Way
    reach: float | None = 1.0
    work: Work | None = None
    apart: Callable[..., Mapping[str, Figure]] | None = None
    quick: bool = True
    each: int = 1
    theirs_each: int | None = None

    def bars(self, name: str) -> tuple[Bar, ...]:
        """The ratio that it has to reach, if any."""
        return () if self.reach is None else (Bar(f"{name}_ratio", ">=", self.reach),)


def run(name: str, contest: Contest, rounds: int = ROUNDS) -> Iterator[tuple[str, Figure]]:
    """Ratio, the seconds of both ways, their floor, and how far apart the results are.

    Each way runs once before it counts. Seconds are processor time, of child processes too: the
    median of all rounds, with the fastest and the slowest of them as bounds. The ratio is of the
    medians; its bounds are the least and the greatest of single rounds.
    """
    made = contest.ours(), contest.theirs()
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(contest.ours) / contest.each)
        theirs.append(seconds(contest.theirs) / (contest.theirs_each or contest.each))
    single = [b / a for a, b in zip(ours, theirs, strict=True)]
    ratio = median(theirs) / median(ours)
    yield f"{name}_ratio", Figure(ratio, "1", min(single), max(single), rounds)
    yield f"{name}_ours", _spread(ours)
    yield f"{name}_theirs", _spread(theirs)
    if contest.work is not None:
        yield f"{name}_floor", Figure(contest.work.gflop / rate(contest.work.dtype), "s")
    if contest.apart is not None:
        for what, figure in contest.apart(*made).items():
            yield f"{name}_{what}", figure


def seconds(way: Way) -> float:
    """Processor time of one pass, in seconds, that of child processes it waited for included."""
    began = processor_time()
    way()
    return processor_time() - began


def processor_time() -> float:
    """Of this process and of its children that have ended, in seconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def rate(dtype: torch.dtype) -> float:
    """GFLOP/s of a product of large matrices of this type, on one thread: the best of five."""
    one = torch.ones(RATED, RATED, dtype=dtype)
    one @ one
    return 2 * RATED**3 / 1e9 / min(seconds(lambda: one @ one) for _ in range(ROUNDS))


def _spread(times: list[float]) -> Figure:
    return Figure(median(times), "s", min(times), max(times), len(times))


def largest(one: ArrayLike, other: ArrayLike) -> Mapping[str, Figure]:
    """The largest difference between two arrays of one shape."""
    return {"apart": Figure(float(np.abs(np.asarray(one) - np.asarray(other)).max()), "1")}
