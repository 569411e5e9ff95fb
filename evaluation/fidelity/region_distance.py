"""How far the regions of synthetic pairs are from those of real ones, in one trait at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.features.handcrafted import RobustScale
from evaluation.features.regions import TRAITS, regions
from evaluation.pairs import Block, units_of, with_masks
from evaluation.statistics.bootstrap import (
    NOTHING,
    Estimate,
    Floats,
    centred_percentile,
    resampled_means,
)

FEWEST = 5  # real regions of a class, below which nothing says how much they vary
STEP = 0.05  # of the values at which distributions are compared, in spreads of real regions
GRID = np.arange(-RobustScale.LIMIT, RobustScale.LIMIT + STEP / 2, STEP)


@dataclass(frozen=True, eq=False)
class RegionSample:
    """Regions of a set of pairs.

    Attributes:
        label: (R,) class index of each.
        unit: (R,) patient of each.
        traits: (R, 3) as `features.regions.TRAITS` names them.
    """

    label: NDArray[np.intp]
    unit: NDArray[np.intp]
    traits: Floats

    @staticmethod
    def of(pairs: Block) -> RegionSample:
        """The regions of those pairs that have a mask."""
        masked = with_masks(pairs)
        found = regions(masked.images, masked.masks)
        return RegionSample(found.label, units_of(masked)[found.image], found.traits)


def region_distance(sample: RegionSample, real: RegionSample, trait: str, *, seed: int) -> Estimate:
    """Wasserstein-1 distance of a trait between the regions of two sets, the mean over classes.

    Each class is scaled on the real regions (`RobustScale`): 1 means that values have moved by one
    standard deviation of real ones, 6 is the most. Every region counts alike.

    Args:
        sample: of synthetic pairs, or of real held-out ones: the floor.
        real: of real training pairs.
        trait: of `TRAITS`.
        seed: of the bootstrap, which resamples the units of both.

    Returns:
        0 or more, with n the regions of the sample that count: those of classes with at least 5
        real regions. NaN where one of these classes has no region in the sample: what was never
        drawn lies at no distance, and leaving it out would take it for as good as the others.
    """
    parts = list(_by_class(sample, real, TRAITS.index(trait), seed))
    if not parts:
        return NOTHING
    value = float(np.mean([distance for distance, _, _ in parts]))
    count = sum(n for _, _, n in parts)
    if any(draws is None for _, draws, _ in parts):
        return Estimate(value, float("nan"), float("nan"), count)
    draws = np.mean([draws for _, draws, _ in parts if draws is not None], axis=0)
    found = centred_percentile(draws, value, count)
    return replace(found, low=max(0.0, found.low))


def _by_class(
    sample: RegionSample, real: RegionSample, trait: int, seed: int
) -> Iterator[tuple[float, Floats | None, int]]:
    """Of each class: the distance, resampled distances (None: too few units), and its regions."""
    for label in np.unique(real.label):
        ours, theirs = sample.label == label, real.label == label
        if theirs.sum() < FEWEST:
            continue
        if not ours.any():
            yield float("nan"), None, 0
            continue
        reference = real.traits[theirs, trait, None]
        scale = RobustScale.fit(reference)
        shares = [
            scale.apply(values) <= GRID for values in (sample.traits[ours, trait, None], reference)
        ]
        units = sample.unit[ours], real.unit[theirs]
        value = _distance(*(share.mean(0, keepdims=True) for share in shares))[0]
        draws = None
        if min(len(np.unique(each)) for each in units) > 1:
            means = [
                resampled_means(share, unit, seed=seed + at)
                for at, (share, unit) in enumerate(zip(shares, units, strict=True))
            ]
            draws = _distance(*means)
        yield float(value), draws, int(ours.sum())


def _distance(one: Floats, other: Floats) -> Floats:
    """(R,) area between two distribution functions, (R, points of the grid) each."""
    return np.asarray(np.abs(one - other).sum(1) * STEP)
