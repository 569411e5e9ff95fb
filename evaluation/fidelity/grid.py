"""Grids that a generator leaves: power at the harmonics of a cell size above what is beside them.

Autoencoders, patches and upsampling draw lines, or a chequered pattern, that come again every few
pixels in every image. In the spectrum such a grid is a set of narrow peaks; anatomy, noise, borders
and letters fill whole ranges of frequency, hence the neighbours of a peak as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from evaluation.features.spectrum import luminance, window
from evaluation.pairs import Images
from evaluation.statistics.bootstrap import (
    NOTHING,
    Estimate,
    Floats,
    Units,
    centred_percentile,
    resampled_means,
)

CELLS = range(2, 17)  # px
GAP = 3  # bins between a harmonic and its neighbours: beyond the width of a windowed peak
APART = 6  # bins between two harmonics, the fewest at which neither is the other's neighbour
ROUNDING = 1 / 12  # power of rounding to whole grey levels: what is less is no power
CHUNK = 16  # images transformed at a time


def grid_excesses(images: Images) -> Floats:
    """How far harmonics of each cell size stand out of the spectrum of each image.

    Power is averaged over 3 x 3 frequencies, then taken in decades: the difference between a
    harmonic and the mean of its neighbours on both sides is about 0 in the mean wherever power
    falls smoothly, whatever the image. Two patterns are read for each cell size: `lines`, the
    harmonics on the two axes, held against neighbours on their axis (an image's borders leave
    power all along the axes); and `cells`, all other harmonics.

    Args:
        images: (N, H, W, C) uint8.

    Returns:
        (N, 2 K) decades (log10 of power), of the K cell sizes of 2 to 16 px that an image holds
        at least `APART` times along its shorter side; a constant image has 0.
    """
    known = [cell for cell in CELLS if APART * cell <= min(images.shape[1:3])]
    starts = range(0, len(images), CHUNK)
    parts = [_excesses(images[at : at + CHUNK], known) for at in starts]
    return np.concatenate(parts) if parts else np.zeros((0, 2 * len(known)))


def grid_excess(excesses: Floats, units: Units | None = None, *, seed: int) -> Estimate:
    """The excess of the cell size and pattern that stands out most in the mean of some images.

    Args:
        excesses: (N, 2 K) of `grid_excesses`.
        units: (N,) patient of each image, or the volume it is a slice of.
        seed: of the bootstrap over units, which seeks the greatest anew in each resample.

    Returns:
        Decades, slightly above 0 where there is no grid, since it is the greatest of many; NaN
        where there are no images, or they are too small for any cell size.
    """
    if not excesses.size:
        return NOTHING
    value = float(excesses.mean(0).max())
    if len(excesses if units is None else np.unique(units)) < 2:
        return Estimate(value, float("nan"), float("nan"), len(excesses))
    draws = resampled_means(excesses, units, seed=seed).max(1)
    return centred_percentile(draws, value, len(excesses))


def grid_excess_p95(excesses: Floats, units: Units, count: int, *, seed: int) -> Estimate:
    """The excess that so many other real images would exceed once in twenty times.

    The greatest of many means is the greater the fewer images there are, and these real images
    are a sample, too: a mean over N others differs from theirs as one over N M / (N + M) differs
    from its expectation. Sets of that size are drawn.

    Args:
        excesses: (M, 2 K) of `grid_excesses` of real images.
        units: (M,) patient of each; sets are drawn by patients, with replacement.
        count: N, the images of the set that is to be compared.
        seed: of the drawing.

    Returns:
        The 95th percentile over sets, in decades, without an interval; NaN as in `grid_excess`.
    """
    if not excesses.size:
        return NOTHING
    images = count * len(excesses) / (count + len(excesses))
    size = max(1, round(images * len(np.unique(units)) / len(excesses)))
    draws = resampled_means(excesses, units, seed=seed, size=size).max(1)
    highest = float(np.quantile(draws, 0.95))
    return Estimate(highest, float("nan"), float("nan"), len(excesses))


def _excesses(images: Images, cells: list[int]) -> Floats:
    decades = _decades(images)
    down, right = _above_neighbours(decades, 1), _above_neighbours(decades, 2)
    both = (down + right) / 2
    columns: list[Floats] = []
    for cell in cells:
        rows, across = (_harmonics(cell, size) for size in decades.shape[1:])
        lines = np.concatenate([down[:, rows, 0], right[:, 0, across]], axis=1)
        inside = both[:, rows][:, :, across]
        columns += [lines.mean(1), inside.mean((1, 2))]
    return np.stack(columns, axis=1) if columns else np.zeros((len(images), 0))


def _decades(images: Images) -> Floats:
    """(N, H, W) log10 of power, averaged over 3 x 3 frequencies, of windowed images."""
    grey = luminance(images)
    weights = window(*grey.shape[1:])
    centred = (grey - grey.mean((1, 2), keepdims=True)) * weights
    power = np.abs(fft.fft2(centred, axes=(1, 2))).astype(np.float64) ** 2
    near = [np.roll(power, (i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    scale = float((weights.astype(np.float64) ** 2).sum()) * len(near)
    return np.log10(sum(near, np.zeros_like(power)) / scale + ROUNDING)


def _above_neighbours(decades: Floats, axis: int) -> Floats:
    beside = np.roll(decades, GAP, axis) + np.roll(decades, -GAP, axis)
    return np.asarray(decades - beside / 2)


def _harmonics(cell: int, size: int) -> NDArray[np.intp]:
    """Bins of all harmonics of a cell size but the constant one, both signs."""
    return np.rint(np.arange(1, cell) * size / cell).astype(np.intp)
