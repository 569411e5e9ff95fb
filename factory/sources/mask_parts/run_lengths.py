"""COCO's run lengths: columns one after the other, runs of outside and inside in turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BITS, MORE, NEGATIVE, FIRST = 5, 0x20, 0x10, 48
MOST_BITS = 60


def decode_runs(counts: Sequence[int] | str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) bool.

    Args:
        counts: lengths of the runs, or COCO's compressed text of them.
        size: height and width.

    Raises:
        ValueError: if the runs do not fill the image.
    """
    runs = _decompressed(counts) if isinstance(counts, str) else list(counts)
    # Before they are laid out: a run may claim to be longer than memory.
    if min(runs, default=0) < 0 or sum(runs) != size[0] * size[1]:
        raise ValueError(f"run lengths of {sum(runs)} pixels in an image of {size[1]} x {size[0]}")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(size[::-1]).T


def _decompressed(text: str) -> list[int]:
    """Numbers of 5 bits a character, the lowest first; from the fourth on as a difference."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - FIRST
        value |= (code & 0x1F) << shift
        shift += BITS
        if shift > MOST_BITS:
            raise ValueError(f"a run length of more than {MOST_BITS} bits")
        if code & MORE:
            continue
        if code & NEGATIVE:
            value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
