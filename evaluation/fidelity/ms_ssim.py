"""Are the images as different from one another as real ones are?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from monai.metrics import MultiScaleSSIMMetric
from numpy.typing import NDArray

from evaluation.features.spectrum import luminance
from evaluation.pairs import Images
from evaluation.statistics.bootstrap import Estimate, Units, percentile, resampled_pair_means

# Wang et al. 2003, table 1: sensitivity at each scale, finest first.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
FIVE_SCALES_FROM = 64  # px; smaller images get three scales
CHUNK = 32


@dataclass(frozen=True, eq=False)
class PairwiseMsSsim:
    """MS-SSIM of random pairs of images of one set, never two of one unit (patient, volume).

    Attributes:
        values: (P,) MS-SSIM of each pair, in [0, 1].
        first: (P,) unit of its first image.
        second: (P,) unit of its second image, never that of the first.
    """

    values: NDArray[np.float64]
    first: Units
    second: Units

    def estimate(self, seed: int) -> Estimate:
        """Mean with an interval that resamples units, n = pairs; NaN where there is no pair.

        No bounds where there are only two units, between which nothing varies.
        """
        if not len(self.values):
            return Estimate(float("nan"), float("nan"), float("nan"), 0)
        value, n = float(self.values.mean()), len(self.values)
        if len(np.union1d(self.first, self.second)) < 3:
            return Estimate(value, float("nan"), float("nan"), n)
        draws = resampled_pair_means(self.values, self.first, self.second, seed=seed)
        return percentile(draws, value, n)

    def share_below(self, value: float) -> float:
        """Share of these pairs less alike than `value`; NaN where there is no pair or no value."""
        if not len(self.values) or np.isnan(value):
            return float("nan")
        return float((self.values < value).mean())


def pairwise_ms_ssim(
    images: Images, units: Units | None = None, *, pairs: int, seed: int
) -> PairwiseMsSsim:
    """MS-SSIM between randomly paired images; 1 only for equal ones.

    Args:
        images: (N, H, W, C) uint8, compared as brightness. Sides of 32 px or more.
        units: (N,) unit (patient, volume) of each, whose own images are alike and not compared;
            None: each is its own.
        pairs: how many pairs to draw; fewer than N (N - 1) / 2 images allow fewer.
        seed: of the drawing.

    Returns:
        Values in [0, 1]; a pair whose contrast is anticorrelated at some scale scores 0. Two
        constant images of one brightness score 1. No pairs for fewer than two units.

    Source: Wang, Simoncelli & Bovik 2003, Asilomar 2:1398, as implemented by MONAI, with a
    Gaussian kernel as large as the image allows (11 px at most; 7 px at 128 px).
    """
    own = np.arange(len(images)) if units is None else units
    first, second = random_pairs(own, pairs, seed)
    metric = _metric(min(images.shape[1:3]))
    starts = range(0, len(first), CHUNK)
    parts = [
        _ms_ssim(metric, images[first[at : at + CHUNK]], images[second[at : at + CHUNK]])
        for at in starts
    ]
    values = np.concatenate(parts) if parts else np.zeros(0)
    return PairwiseMsSsim(values, own[first], own[second])


def random_pairs(units: Units, pairs: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Distinct unordered pairs of things of different units, each thing in as few as possible.

    Args:
        units: (N,) of each thing.
        pairs: how many at most.
        seed: of the drawing.

    Returns:
        (P,) first and (P,) second members, P = pairs, or as many as there are.
    """
    count = len(units)
    order = np.random.default_rng(seed).permutation(count)
    sizes = np.unique(units, return_counts=True)[1]
    total = min(pairs, int(count**2 - (sizes**2).sum()) // 2)
    # Neighbours at distance 1, 2, ... around a circle of shuffled things: no pair comes twice.
    # The even members of each round come first, so a round starts with disjoint pairs.
    first, second = [], []
    for gap in range(1, count // 2 + 1):
        at = np.arange(count if 2 * gap < count else gap)
        at = np.concatenate([at[at // gap % 2 == 0], at[at // gap % 2 == 1]])
        one, other = order[at], order[(at + gap) % count]
        apart = units[one] != units[other]
        first.append(one[apart])
        second.append(other[apart])
        if sum(map(len, first)) >= total:
            break
    none = [np.zeros(0, np.intp)]
    return np.concatenate(first or none)[:total], np.concatenate(second or none)[:total]


def _metric(side: int) -> MultiScaleSSIMMetric:
    weights = WEIGHTS if side >= FIVE_SCALES_FROM else WEIGHTS[:3]
    largest = (side - 1) // (len(weights) - 1) ** 2 + 1
    kernel = min(11, largest - (largest + 1) % 2)
    share = [weight / sum(weights) for weight in weights]
    return MultiScaleSSIMMetric(
        spatial_dims=2, data_range=255.0, kernel_size=kernel, weights=share, reduction="none"
    )


def _ms_ssim(metric: MultiScaleSSIMMetric, one: Images, other: Images) -> NDArray[np.float64]:
    tensors = [torch.from_numpy(luminance(images))[:, None] for images in (one, other)]
    with torch.inference_mode():
        metric.reset()
        values: NDArray[np.float64] = metric(*tensors)[:, 0].double().numpy()
    return values
