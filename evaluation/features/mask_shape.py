"""Features of masks: the geometry of each class, and what the image does at its contour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.features.texture import FLOOR, Grey, Table, shifted
from evaluation.pairs import Masks

NEIGHBOURS = ((0, 1), (1, 0))  # to the right and below
STEP = 3  # px between the two sides of a contour that the step compares


def geometry(masks: Masks, classes: int) -> Table:
    """(N, 7 K): per class presence, area, row, column, elongation, compactness, Euler number.

    Area as the root of its share of the image; row and column of the centroid in [0, 1];
    elongation √(1 - λ₂/λ₁) of the second moments in [0, 1); compactness 4πA/P², 1 for a disc;
    Euler number (components minus holes, 4-connected) in signed octaves. All but presence and
    area are NaN where the class is absent.
    """
    count, height, width = masks.shape
    area = _by_class(None, masks, classes)
    safe = np.where(area > 0, area, np.nan)
    row = _by_class(np.arange(height)[:, None], masks, classes) / safe
    column = _by_class(np.arange(width)[None], masks, classes) / safe
    compactness = 4 * np.pi * safe / np.maximum(np.pi / 4 * _perimeter(masks, classes), 1) ** 2
    euler = np.where(area > 0, _euler(masks, classes), np.nan)
    table = [
        (area > 0).astype(float),
        np.sqrt(area / (height * width)),
        (row + 0.5) / height,
        (column + 0.5) / width,
        _elongation(masks, safe, row, column),
        compactness,
        np.sign(euler) * np.log2(1 + np.abs(euler)),
    ]
    return np.stack(table, axis=2).reshape(count, -1)


def boundary(grey: Grey, masks: Masks, classes: int) -> Table:
    """(N, 4 K): per class edge strength and step at its contour, inside mean and spread.

    Edge strength: decades of the mean absolute difference of neighbours across the contour over
    that of all neighbours in the image. Step: mean difference inside minus outside between
    pixels 3 px apart across the contour; inside mean and spread; these three in standard
    deviations of the image (spread in decades). NaN where the class is absent, and at a contour
    that it does not have (it fills the image).
    """
    count = len(masks)
    flat = grey.reshape(count, -1)
    centre, spread = flat.mean(1)[:, None], flat.std(1)[:, None] + FLOOR
    edge, _, everywhere = _across(grey, masks, classes, 1)
    _, step, _ = _across(grey, masks, classes, STEP)
    area = _by_class(None, masks, classes)
    safe = np.where(area > 0, area, np.nan)
    inside = _by_class(grey, masks, classes) / safe
    variance = _by_class(grey**2, masks, classes) / safe - inside**2
    table = [
        np.log10((edge + FLOOR) / (everywhere[:, None] + FLOOR)),
        step / spread,
        (inside - centre) / spread,
        np.log10((np.sqrt(variance.clip(0)) + FLOOR) / spread),
    ]
    return np.stack(table, axis=2).reshape(count, -1)


def _by_class(values: NDArray[Any] | None, masks: Masks, classes: int) -> Table:
    """(N, K) sums of (N, h, w) values, or pixel counts, over each foreground class."""
    count = len(masks)
    flat = None if values is None else np.broadcast_to(values, masks.shape).reshape(-1)
    image = np.arange(count)[:, None]
    return _sums(image, masks.reshape(count, -1), flat, (count, classes))


def _sums(
    image: NDArray[np.intp], index: Masks, values: NDArray[Any] | None, shape: tuple[int, int]
) -> Table:
    """(N, K) sums of the values of pixels, or their number, by the image and the class of each."""
    count, classes = shape
    keys = index + (classes + 1) * image
    sums = np.bincount(keys.reshape(-1), values, minlength=count * (classes + 1))
    return sums.reshape(count, classes + 1)[:, 1:].astype(np.float64)


def _elongation(masks: Masks, safe: Table, row: Table, column: Table) -> Table:
    classes = safe.shape[1]
    y, x = np.arange(masks.shape[1])[:, None], np.arange(masks.shape[2])[None]
    # 1/12 is the variance of a pixel's own extent: a single pixel is round, not undefined.
    yy = _by_class(y * y, masks, classes) / safe - row**2 + 1 / 12
    xx = _by_class(x * x, masks, classes) / safe - column**2 + 1 / 12
    yx = _by_class(y * x, masks, classes) / safe - row * column
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    return np.sqrt((1 - (middle - half) / (middle + half)).clip(0, 1))


def _perimeter(masks: Masks, classes: int) -> Table:
    """(N, K) number of pixel sides between the class and anything else, the border included."""
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    shape = len(masks), classes
    total = np.zeros(shape)
    for rows, columns in NEIGHBOURS:
        one, other = shifted(padded, rows, columns)
        differ = one != other
        image = np.nonzero(differ)[0]
        for side in (one, other):
            total += _sums(image, side[differ], None, shape)
    return total


def _euler(masks: Masks, classes: int) -> Table:
    """(N, K) pixels - sides shared within the class + blocks of 2 x 2 within the class."""
    right, below = shifted(masks, 0, 1), shifted(masks, 1, 0)
    sides = _by_class(right[0] == right[1], right[0], classes)
    sides += _by_class(below[0] == below[1], below[0], classes)
    upper, lower = shifted(masks, 1, 1)
    block = (upper == lower) & (upper == masks[:, :-1, 1:]) & (upper == masks[:, 1:, :-1])
    return _by_class(None, masks, classes) - sides + _by_class(block, upper, classes)


def _across(
    grey: Grey, masks: Masks, classes: int, distance: int
) -> tuple[Table, Table, NDArray[np.float64]]:
    """Differences between pixels `distance` apart, down and right, on two sides of a contour.

    Returns:
        (N, K) mean absolute difference, (N, K) mean of inside minus outside, and (N,) the mean
        absolute difference of all such pixels, wherever they lie; in grey levels.
    """
    shape = len(masks), classes
    absolute, signed, count = (np.zeros(shape) for _ in range(3))
    everywhere = np.zeros(len(masks))
    for rows, columns in NEIGHBOURS:
        one, other = shifted(masks, rows * distance, columns * distance)
        first, second = shifted(grey, rows * distance, columns * distance)
        differ, gap = one != other, first - second
        # Few pixels lie at a contour: only those are looked at.
        image, step = np.nonzero(differ)[0], gap[differ]
        for side, sign in ((one, 1.0), (other, -1.0)):
            index = side[differ]
            count += _sums(image, index, None, shape)
            absolute += _sums(image, index, np.abs(step), shape)
            signed += _sums(image, index, sign * step, shape)
        everywhere += np.abs(gap).mean((1, 2)) / len(NEIGHBOURS)
    safe = np.where(count > 0, count, np.nan)
    return absolute / safe, signed / safe, everywhere
