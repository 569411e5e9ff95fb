"""Cuts the rows of a data set into shards that share no chunk, and shards into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = (
    4 * 2**20
)  # uncompressed, image and mask together: larger chunks make small reads slow


T = TypeVar("T")


class Status(IntEnum):
    """Where one row of a data set stands; the values are part of the store's format."""

    EMPTY = 0  # no pair yet
    MADE = 1  # a pair nobody has judged
    ACCEPTED = 2
    REJECTED = 3
    OUTSIDE = 4  # a pair of an earlier grid that this one does not ask for


@dataclass(frozen=True)
class Layout:
    """How the pairs of a data set lie in its arrays.

    Attributes:
        height, width, channels: of one image, in pixels.
        chunk: pairs per Zarr chunk.
        shard: pairs that one worker makes and writes at a time; whole chunks.

    Raises:
        ValueError: if two shards would share a chunk.
    """

    height: int
    width: int
    channels: int
    chunk: int
    shard: int

    def __post_init__(self) -> None:
        if self.chunk < 1 or self.shard < self.chunk or self.shard % self.chunk:
            raise ValueError(
                f"shard={self.shard} is not a multiple of chunk={self.chunk}: two workers would "
                "write one chunk and one pair of results would be lost"
            )

    @staticmethod
    def of(size: int, channels: int, shard: int = 256) -> Layout:
        """Layout of square images, with the shard rounded up to whole chunks."""
        chunk = chunk_for(size * size * (channels + 1))
        return Layout(size, size, channels, chunk, -(-max(shard, 1) // chunk) * chunk)

    def same_arrays(self, other: Layout) -> bool:
        """Whether both layouts read and write the same arrays; shards may differ."""
        mine = (self.height, self.width, self.channels, self.chunk)
        return mine == (other.height, other.width, other.channels, other.chunk)


@dataclass(frozen=True)
class Shard:
    """Rows [start, stop) of a data set."""

    index: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def rows(self) -> slice:
        return slice(self.start, self.stop)


def chunk_for(pair_bytes: int) -> int:
    """Pairs per chunk: a power of two from 16 to 64, at most 4 MiB where 16 allow it."""
    fitting = [chunk for chunk in (64, 32) if chunk * pair_bytes <= CHUNK_BYTES]
    return fitting[0] if fitting else 16


def cut(count: int, shard: int) -> list[Shard]:
    """Cuts rows [0, count) into shards; the last may be short."""
    starts = range(0, count, shard)
    return [Shard(i, start, min(start + shard, count)) for i, start in enumerate(starts)]


def finished(status: NDArray[np.uint8], shard: int) -> NDArray[np.bool_]:
    """(shards,) whether every row of a shard holds a pair."""
    starts = np.arange(0, len(status), shard)
    made = np.asarray(status != Status.EMPTY)
    return np.logical_and.reduceat(made, starts) if len(made) else made


def windows(shards: Sequence[T], size: int) -> list[tuple[T, ...]]:
    """Groups shards, in order, by what one commit covers: at most `size` each; or such groups."""
    return [tuple(shards[i : i + size]) for i in range(0, len(shards), size)]
