"""Do slices fit their neighbours? Correlations of images, Dice of masks, and volumes in ml."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.dice import overlaps
from evaluation.statistics.bootstrap import Estimate, bca_mean
from evaluation.volumes.stacks import Stack

Floats = NDArray[np.float64]

RANGE = 2.5, 97.5  # percentiles of real values
FLATTEST = 1e-6  # spread of an image in grey levels; below it nothing can be correlated


def neighbour_correlations(stack: Stack) -> Floats:
    """(K - 1,) Pearson correlation of the grey levels of each slice with the next.

    NaN where one of the two is constant.
    """
    flat = stack.images.reshape(len(stack), -1).astype(float)
    centred = flat - flat.mean(1, keepdims=True)
    spread = np.sqrt((centred**2).mean(1))
    shared = (centred[:-1] * centred[1:]).mean(1)
    both = spread[:-1] * spread[1:]
    return np.where(both > FLATTEST, shared / np.maximum(both, FLATTEST), np.nan)


def neighbour_dice(stack: Stack, classes: int) -> Floats:
    """(K - 1,) Dice of each mask with the next, mean over the classes that either of them shows.

    NaN where neither shows any.
    """
    found = overlaps(stack.masks[:-1], stack.masks[1:], classes)
    shown = (found.target + found.predicted) > 0
    total, count = np.where(shown, found.dice, 0.0).sum(1), shown.sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def millilitres(stack: Stack, classes: int) -> Floats:
    """(K,) volume of each class in ml; NaN where it is not shown, or the spacing is unknown."""
    voxels = np.bincount(stack.masks.ravel(), minlength=classes + 1)[1 : classes + 1]
    return np.where(voxels > 0, voxels * stack.spacing_mm.prod() / 1000, np.nan)


def in_range(values: Floats, real: Floats) -> Floats:
    """1 where a value lies within the 2.5 to 97.5 percentiles of real ones, 0 where outside.

    NaN where the value is none; of real ones those that are none are left out.
    """
    known = real[np.isfinite(real)]
    if not len(known):
        return np.full(values.shape, np.nan)
    low, high = np.percentile(known, RANGE)
    return np.where(np.isfinite(values), (low <= values) & (values <= high), np.nan)


def share(flags: Sequence[Floats], stacks: Sequence[Stack], *, seed: int) -> Estimate:
    """Mean of what is known of several volumes, with an interval that resamples their patients."""
    values = np.concatenate([np.zeros(0), *flags])
    units = np.repeat([stack.unit for stack in stacks], [len(found) for found in flags])
    known = np.isfinite(values)
    return bca_mean(values[known], units[known].astype(np.intp), seed=seed)
