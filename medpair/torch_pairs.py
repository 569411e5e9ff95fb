"""Pairs as torch reads them, one at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from factory.pairs import PairBatch

UNKNOWN = -100  # the class that torch's losses leave out unless told otherwise

Item = tuple[Tensor, Tensor, dict[str, Any]]


class TorchPairs(Dataset[Item]):
    """A `torch.utils.data.Dataset` of (image, mask, facets).

    The image is float32 (C, H, W) in [0, 1], the mask int64 (H, W) of class indices, -100
    throughout where a pair has none.
    """

    def __init__(self, pairs: PairBatch) -> None:
        self.pairs = pairs
        self.facets = pairs.facets.to_dict("records")

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Item:
        """The pair at a position; IndexError beyond the last one."""
        at = range(len(self))[index]
        image = torch.from_numpy(self.pairs.images[at]).movedim(-1, 0).float() / 255
        mask = torch.from_numpy(self.pairs.masks[at]).long()
        if not self.pairs.has_mask[at]:
            mask = torch.full_like(mask, UNKNOWN)
        return image, mask, {str(name): value for name, value in self.facets[at].items()}
