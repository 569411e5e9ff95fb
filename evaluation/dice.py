"""Dice and IoU per class, with a stated convention for empty masks.

Both masks empty: 1, since nothing was there and nothing was found; such a case says nothing
about finding, so the table of positives leaves it out. One of the two empty: 0, and counted,
as missed or as false. A missed structure can thus never improve a score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.pairs import Masks

CHUNK = 256  # masks counted at a time: a cell index takes eight times the memory of a pixel

Counts = NDArray[np.int64]  # (N, K)
Table = NDArray[np.float64]  # (N, K)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pixel counts of N predictions against N masks for K foreground classes.

    Attributes:
        shared: (N, K) pixels that both give to the class.
        predicted: (N, K) pixels that the prediction gives to it.
        target: (N, K) pixels that the mask gives to it.
    """

    shared: Counts
    predicted: Counts
    target: Counts

    @property
    def dice(self) -> Table:
        """(N, K) 2|P∩T| / (|P| + |T|), in [0, 1]; 1 where both are empty.

        Source: Dice 1945, Ecology 26:297.
        """
        return _ratio(2 * self.shared, self.predicted + self.target)

    @property
    def iou(self) -> Table:
        """(N, K) |P∩T| / (|P| + |T| - |P∩T|), in [0, 1]; 1 where both are empty.

        Source: Jaccard 1912, New Phytologist 11:37.
        """
        return _ratio(self.shared, self.predicted + self.target - self.shared)

    @property
    def positive(self) -> NDArray[np.bool_]:
        """(N, K) whether the mask shows the class."""
        return self.target > 0

    @property
    def missed(self) -> NDArray[np.bool_]:
        """(N, K) whether the mask shows the class and the prediction does not."""
        return self.positive & (self.predicted == 0)

    @property
    def false(self) -> NDArray[np.bool_]:
        """(N, K) whether the prediction shows a class that the mask does not."""
        return ~self.positive & (self.predicted > 0)


def overlaps(predictions: Masks, masks: Masks, classes: int) -> Overlaps:
    """Counts the pixels of every class.

    Args:
        predictions: (N, H, W) uint8 class indices, 0 = background.
        masks: (N, H, W) uint8, what is really there.
        classes: number K of foreground classes.

    Raises:
        ValueError: if shapes differ, or an index is above K.
    """
    if predictions.shape != masks.shape:
        raise ValueError(f"predictions {predictions.shape} do not fit masks {masks.shape}")
    count, size = len(masks), classes + 1
    if masks.size and max(predictions.max(), masks.max()) >= size:
        raise ValueError(f"a mask holds an index above the number of classes, {classes}")
    table = np.zeros((count, size, size), np.int64)
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        table[part] = _crossed(predictions[part], masks[part], size)
    shared = np.einsum("nkk->nk", table)
    return Overlaps(shared[:, 1:], table.sum(1)[:, 1:], table.sum(2)[:, 1:])


def positive_dice(found: Overlaps) -> NDArray[np.float64]:
    """(N,) mean Dice over the classes that each mask shows; NaN where the mask is empty."""
    shown = found.positive.sum(1)
    total = np.where(found.positive, found.dice, 0.0).sum(1)
    return np.where(shown > 0, total / np.maximum(shown, 1), np.nan)


def _crossed(predictions: Masks, masks: Masks, size: int) -> Counts:
    """(N, size, size) pixels of each index of a mask, by the index that the prediction gives."""
    cell = masks.astype(np.intp) * size + predictions
    cell += size * size * np.arange(len(masks))[:, None, None]
    found = np.bincount(cell.ravel(), minlength=len(masks) * size * size)
    return found.reshape(-1, size, size)


def _ratio(part: Counts, whole: Counts) -> Table:
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)
