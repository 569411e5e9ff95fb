"""Noise where images are flat: there the eye sees it, and there generators leave too much or none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.features.spectrum import CHUNK, luminance
from evaluation.pairs import Images
from evaluation.statistics.bootstrap import Floats

CELL = 8  # px
FLATTEST = 0.1  # of the cells of an image
SMOOTHING = 2.0  # px, standard deviation of the low-pass by whose range a cell is flat
ROUNDING = 1 / 12  # variance of rounding to whole grey levels
# Blind to all that is linear along rows or columns; white noise comes out 6 times as strong.
HIGH_PASS = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0])
GAIN = 6.0
FROM_MEDIAN = 1.4826  # median absolute value of a normal variable -> its standard deviation


def flat_noise(images: Images) -> Floats:
    """(N,) standard deviation of the noise in the flattest tenth of each image, in grey levels.

    An image is cut into cells of 8 x 8 px; flattest are those whose low-passed grey levels have
    the smallest range. Noise is the median absolute value of a high-pass in all of them, scaled so
    that white noise has its own standard deviation; that of rounding is added, so that black is
    0.29 and no image has none.

    Args:
        images: (N, H, W, C) uint8, H and W at least 8; what remains beyond whole cells is left out.

    Source: the high-pass is that of Immerkær 1996, Computer Vision and Image Understanding 64:300.
    """
    starts = range(0, len(images), CHUNK)
    parts = [_flat_noise(luminance(images[at : at + CHUNK])) for at in starts]
    return np.concatenate(parts) if parts else np.zeros(0)


def _flat_noise(grey: NDArray[np.float32]) -> Floats:
    smooth = _cells(ndimage.gaussian_filter(grey, (0, SMOOTHING, SMOOTHING), mode="reflect"))
    high = _cells(np.abs(ndimage.convolve(grey, HIGH_PASS[None], mode="reflect")) / GAIN)
    count = max(1, round(FLATTEST * smooth.shape[1]))
    flattest = np.argsort(np.ptp(smooth, axis=2), axis=1, kind="stable")[:, :count]
    chosen = np.take_along_axis(high, flattest[:, :, None], axis=1).reshape(len(grey), -1)
    spread = FROM_MEDIAN * np.median(chosen, axis=1).astype(np.float64)
    return np.sqrt(spread**2 + ROUNDING)


def _cells(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, cells, 64) pixels of each whole cell."""
    rows, columns = grey.shape[1] // CELL, grey.shape[2] // CELL
    whole = grey[:, : rows * CELL, : columns * CELL]
    cut = whole.reshape(len(grey), rows, CELL, columns, CELL).transpose(0, 1, 3, 2, 4)
    return cut.reshape(len(grey), rows * columns, CELL * CELL)
