"""What an image does in, around and along each region of its mask: is the mask on the right tissue?

A region is a connected piece of one class. Per piece, not per class, a lesion's mask on healthy
tissue is seen even where the same image shows others that fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.features.spectrum import luminance
from evaluation.features.texture import FLOOR, Grey
from evaluation.pairs import Images, Masks

RING = 5.0  # px around a region
MARGIN = 6  # px around a class, which hold all of the ring
SMOOTHING = 1.0  # px, standard deviation of the Gaussian whose derivative is the gradient
PIECE = 0.001  # of the image's area: smaller pieces are specks
TRAITS = ("contrast", "gradient", "spread")

Inside = NDArray[np.bool_]
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Whole:
    """Standard deviation, mean gradient (both a little above 0) and pixels of a whole image."""

    spread: float
    gradient: float
    pixels: int


@dataclass(frozen=True, eq=False)
class Regions:
    """The R regions of some masks.

    Attributes:
        label: (R,) class index, 1 or more.
        image: (R,) row of its pair.
        traits: (R, 3) finite. Contrast: mean inside less mean of a ring of 5 px outside, in
            standard deviations of the image. Gradient: decades of the mean gradient along the
            contour over that of the whole image. Spread: decades of the standard deviation inside
            over that of the image.
    """

    label: NDArray[np.intp]
    image: NDArray[np.intp]
    traits: Table


def regions(images: Images, masks: Masks) -> Regions:
    """Measures every region of N masks; a pair's regions depend on no other pair.

    The ring of a region holds what is nearer to it than to another region of its class; other
    classes in it count as outside. A class that fills its image has no outside and is left out,
    and so are specks of less than a thousandth of the image.

    Args:
        images: (N, H, W, C) uint8.
        masks: (N, H, W) uint8 class indices.
    """
    grey = luminance(images)
    found = [
        (label, row, traits)
        for row, mask in enumerate(masks)
        for label, traits in _of_image(grey[row], mask)
    ]
    labels, rows, table = zip(*found, strict=True) if found else ((), (), ())
    traits = np.array(table, np.float64).reshape(-1, len(TRAITS))
    return Regions(np.array(labels, np.intp), np.array(rows, np.intp), traits)


def _of_image(grey: Grey, mask: NDArray[np.uint8]) -> Iterator[tuple[int, Table]]:
    boxes = [(label, box) for label, box in enumerate(ndimage.find_objects(mask), 1) if box]
    shown = [(label, box) for label, box in boxes if not (mask == label).all()]
    if not shown:
        return
    gradient = ndimage.gaussian_gradient_magnitude(grey, SMOOTHING, mode="reflect")
    whole = Whole(float(grey.std()) + FLOOR, float(gradient.mean()) + FLOOR, mask.size)
    for label, box in shown:
        # Nothing farther from a class than its ring is looked at: of a lesion, little of an image.
        near = tuple(slice(max(0, side.start - MARGIN), side.stop + MARGIN) for side in box)
        for traits in _of_class(grey[near], gradient[near], mask[near] == label, whole):
            yield label, traits


def _of_class(grey: Grey, gradient: Grey, inside: Inside, whole: Whole) -> Table:
    """(R, 3) traits of the pieces of one class, from the part of the image around them."""
    piece, count = ndimage.label(inside, np.ones((3, 3)))
    outward, nearest = ndimage.distance_transform_edt(~inside, return_indices=True)
    owner = piece[tuple(nearest)]
    inward = ndimage.distance_transform_edt(inside)
    ring, contour = (outward > 0) & (outward <= RING), np.maximum(outward, inward) == 1
    mean, size = _means(grey, piece, inside, count)
    outside, around = _means(grey, owner, ring, count)
    along, edge = _means(gradient, owner, contour, count)
    variance = _means(grey.astype(np.float64) ** 2, piece, inside, count)[0] - mean**2
    columns = [
        (mean - outside) / whole.spread,
        np.log10((along + FLOOR) / whole.gradient),
        np.log10((np.sqrt(variance.clip(0)) + FLOOR) / whole.spread),
    ]
    return np.stack(columns, axis=1)[(size >= PIECE * whole.pixels) & (around > 0) & (edge > 0)]


def _means(
    values: NDArray[np.floating], piece: NDArray[np.intp], where: Inside, count: int
) -> tuple[Table, Table]:
    """(R,) mean of (H, W) values over the chosen pixels of each piece, and how many they are."""
    at = piece[where]
    size = np.bincount(at, minlength=count + 1)[1:].astype(np.float64)
    total = np.bincount(at, values[where], minlength=count + 1)[1:]
    return total / np.maximum(size, 1), size
