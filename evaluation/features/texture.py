"""Features of images alone: grey-level statistics, texture, spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.features.spectrum import NYQUIST, band_power, luminance
from evaluation.pairs import Images

Table = NDArray[np.float64]  # (N, features of a group)
Grey = NDArray[np.float32]  # (N, H, W), [0, 255]

LEVELS = 16  # grey levels of the co-occurrence matrix
DISTANCES = (1, 3)  # px between co-occurring pixels
SCALES = (1.0, 2.0, 4.0)  # px, standard deviation of the Laplacian of Gaussian
BANDS = NYQUIST * 2.0 ** np.arange(-4, 0.5, 0.5)  # ring edges in half octaves, cycles per pixel
FLOOR = 0.5  # grey levels: less than this counts as no contrast


def first_order(grey: Grey) -> Table:
    """(N, 10): mean, log spread, five quantiles, share of black and white pixels, entropy."""
    flat = grey.reshape(len(grey), -1)
    histogram = _histogram(flat.astype(np.intp).clip(0, 255) // 8, 32) / flat.shape[1]
    quantiles = np.quantile(flat, [0.05, 0.25, 0.5, 0.75, 0.95], axis=1).T / 255
    ends = np.stack([(flat < 1).mean(1), (flat > 254).mean(1)], axis=1)
    moments = np.stack([flat.mean(1) / 255, _decades(flat.std(1))], axis=1)
    return np.hstack([moments, quantiles, ends, _entropy(histogram)[:, None] / 5])


def chroma(images: Images) -> Table:
    """(N, 4) mean and spread of red - green and of blue - brightness; (N, 0) for grey images."""
    if images.shape[-1] == 1:
        return np.zeros((len(images), 0))
    red, green, blue = np.moveaxis(images.astype(np.float32), -1, 0)
    channels = (red - green, blue - luminance(images))
    return np.stack(
        [f(c.reshape(len(c), -1), axis=1) / 255 for c in channels for f in (np.mean, np.std)],
        axis=1,
    ).astype(np.float64)


def co_occurrence(grey: Grey) -> Table:
    """(N, 8): contrast (decades), homogeneity, entropy and correlation at 1 px and at 3 px.

    16 grey levels over [0, 255], down, right and both diagonals pooled, symmetric.

    Source: Haralick et al. 1973, IEEE Trans. SMC 3:610, features f2, f3, f5 and f9.
    """
    levels = (grey.astype(np.intp).clip(0, 255) * LEVELS) // 256
    return np.hstack([_haralick(_joint(levels, distance)) for distance in DISTANCES])


def laplacian(grey: Grey) -> Table:
    """(N, 6): spread (decades) and peakedness of the Laplacian of Gaussian at three scales."""
    columns = []
    # A kernel that ends somewhere does not quite sum to 0: brightness must not pass for detail.
    centred = grey - grey.mean((1, 2), keepdims=True)
    for scale in SCALES:
        response = ndimage.gaussian_laplace(centred, scale, mode="reflect", axes=(1, 2))
        flat = np.abs(response.reshape(len(grey), -1)) * scale**2
        spread = np.sqrt((flat**2).mean(1))
        # Mean over root mean square: 0.8 for Gaussian noise, near 0 for a few sharp edges.
        columns += [_decades(spread), (flat.mean(1) + FLOOR) / (spread + FLOOR)]
    return np.stack(columns, axis=1).astype(np.float64)


def spectrum(grey: Grey) -> Table:
    """(N, 8): decades of power in half-octave rings, from 1/16 of Nyquist up to Nyquist."""
    return np.log10(band_power(grey, BANDS) + FLOOR**2)


def _decades(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.log10(values.astype(np.float64) + FLOOR)


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return -(share * logs).sum(-1)


def _histogram(index: NDArray[np.intp], size: int) -> NDArray[np.float64]:
    """(N, size) counts of (N, ...) indices in [0, size)."""
    count = len(index)
    keys = index.reshape(count, -1) + size * np.arange(count)[:, None]
    return np.bincount(keys.ravel(), minlength=count * size).reshape(count, size).astype(float)


def _joint(levels: NDArray[np.intp], distance: int) -> NDArray[np.float64]:
    """(N, L, L) symmetric joint frequencies of levels that lie `distance` rows, columns apart."""
    total = np.zeros((len(levels), LEVELS * LEVELS))
    for rows, columns in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one, other = shifted(levels, rows * distance, columns * distance)
        total += _histogram(one * LEVELS + other, LEVELS * LEVELS)
    joint = total.reshape(-1, LEVELS, LEVELS)
    joint = joint + joint.transpose(0, 2, 1)
    return joint / joint.sum((1, 2), keepdims=True)


def _haralick(joint: NDArray[np.float64]) -> Table:
    level = np.arange(LEVELS)
    gap = (level[:, None] - level[None]) ** 2
    contrast = (joint * gap).sum((1, 2))
    homogeneity = (joint / (1 + gap)).sum((1, 2))
    entropy = _entropy(joint.reshape(len(joint), -1)) / 8
    margin = joint.sum(2)
    centre = margin @ level
    variance = margin @ level**2 - centre**2
    covariance = (joint * np.outer(level, level)).sum((1, 2)) - centre**2
    # An image of one grey level predicts its neighbours perfectly.
    flat = variance < 1e-9
    correlation = np.where(flat, 1.0, covariance / np.where(flat, 1.0, variance))
    return np.stack([np.log10(contrast + 0.01), homogeneity, entropy, correlation], axis=1)


def shifted(array: NDArray[Any], rows: int, columns: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Views of (N, H, W) whose equal positions lie (rows, columns) apart; rows is 0 or more."""
    height, width = array.shape[1:]
    top, bottom = array[:, : height - rows], array[:, rows:]
    left, right = max(0, -columns), max(0, columns)
    return top[:, :, left : width - right], bottom[:, :, right : width - left]
