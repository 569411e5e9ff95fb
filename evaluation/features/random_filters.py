"""Random convolutions of image and mask together: nothing is learnt, nothing is chosen.

A smoke test beside the handcrafted features: random filters also see what nobody thought of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evaluation.features.handcrafted import check_pairs
from evaluation.features.stacking import CHUNK, stacked
from evaluation.features.texture import Table
from evaluation.pairs import Images, Masks

FILTERS = 16  # at each scale
SIDE = 5  # px
SCALES = (1, 2, 4)  # px of the image to one px that the filters see


@dataclass(frozen=True)
class RandomConvolutions:
    """Extractor: pooled mean and spread of random filters' rectified responses at three scales.

    A filter runs over the image's channels and the one-hot mask at once, and what is rectified is
    their sum: a mask beside the wrong image changes it.

    Attributes:
        classes: names of the foreground classes.
        seed: of the filters.
    """

    classes: tuple[str, ...]
    seed: int = 0
    name: str = "randconv"
    fingerprint: str = "1"  # seed and channels, which filters also follow from, are told apart
    scaled: bool = True

    def groups(self, images: Images, masks: Masks) -> dict[str, Table]:
        """One group `randconv` of (N, 96) features, about 0 to 1, finite for every pair.

        Args:
            images: (N, H, W, C) uint8, H and W at least 20.
            masks: (N, H, W) uint8.

        Raises:
            ValueError: if a mask holds an index that no class has, or shapes disagree.
        """
        check_pairs(images, masks, len(self.classes))
        filters = _filters(images.shape[-1] + len(self.classes), self.seed)
        table = [np.zeros((0, 2 * FILTERS * len(SCALES)))]
        with torch.inference_mode():
            for at in range(0, len(images), CHUNK):
                part = slice(at, at + CHUNK)
                pairs = stacked(images[part], masks[part], len(self.classes))
                table.append(_pooled(pairs, filters).double().numpy())
        return {self.name: np.concatenate(table)}


def _pooled(pairs: Tensor, filters: Tensor) -> Tensor:
    """(B, 2 F S): mean and spread over all pixels, scale by scale."""
    columns = []
    for scale, kernel in zip(SCALES, filters, strict=True):
        response = functional.conv2d(functional.avg_pool2d(pairs, scale), kernel).relu()
        spread, mean = torch.std_mean(response, dim=(2, 3), correction=0)
        columns += [mean, spread]
    return torch.cat(columns, dim=1)


def _filters(channels: int, seed: int) -> Tensor:
    """(S, F, channels, side, side) filters of length 1; NumPy keeps its streams, torch does not."""
    shape = len(SCALES), FILTERS, channels, SIDE, SIDE
    drawn = np.random.default_rng(seed).standard_normal(shape)
    lengths = np.sqrt((drawn**2).sum((2, 3, 4), keepdims=True))
    return torch.from_numpy((drawn / lengths).astype(np.float32))
