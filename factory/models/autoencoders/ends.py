"""Black and white: many images are exactly black around the body, which drawing from noise only nears.

A third of the pixels of a chest X-ray are 0, of a fetal ultrasound more. Drawn pixels there lie a few
grey levels above, which no eye sees and every statistic of grey levels does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

HALF_LEVEL = 1 / 255  # half a grey level, on [-1, 1]
LEAST_SHARE = 0.01  # of pixels that are black, or white: fewer are no background
FARTHEST = 0.1  # what lies farther from the end than that was not meant to be there
BEND = 4.0  # times as far from the end, pixels stay as they are


class Ends(NamedTuple):
    """How far from black and from white, on [-1, 1], pictures are drawn where real ones are there."""

    black: float = 0.0
    white: float = 0.0

    @staticmethod
    def of(drawn: Tensor, real: Tensor) -> Ends:
        """Of drawn pictures (B, 3, H, W) and the real ones that they show again, both in [-1, 1].

        As many drawn pixels lie nearer to an end as real ones are at it. Grey pictures are compared
        by the mean of their colours, as they are kept.
        """
        grey = (real == real[:, :1]).all(1).all(2).all(1).view(-1, 1, 1, 1)
        seen = torch.where(grey, drawn.mean(1, keepdim=True), drawn)
        return Ends(_distance(seen, real), _distance(-seen, -real))

    def put(self, pictures: Tensor) -> Tensor:
        """Pictures in [-1, 1] with what is as near to an end put there, and no step beside it."""
        return -_nearer(-_nearer(pictures, self.black), self.white)


def _distance(drawn: Tensor, real: Tensor) -> float:
    """How far above -1 the share of drawn values ends that is -1 in real ones."""
    share = float((real < HALF_LEVEL - 1).float().mean())
    if not LEAST_SHARE < share < 1:
        return 0.0
    ordered = drawn.flatten().sort().values
    found = float(ordered[int(share * (len(ordered) - 1))]) + 1
    return min(max(found, 0.0), FARTHEST)


def _nearer(pictures: Tensor, distance: float) -> Tensor:
    """Values up to so far above -1 become -1; those up to `BEND` times as far follow, evenly."""
    if distance == 0:
        return pictures
    above = pictures + 1
    moved = (above - distance).clamp(min=0) * BEND / (BEND - 1) - 1
    return torch.where(above < BEND * distance, moved, pictures)
