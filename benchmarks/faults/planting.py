"""What is done to images, or to masks, so that pairs have a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.features.spectrum import luminance
from evaluation.pairs import Images, Masks

SHIFTS = {"shift2": 2, "shift4": 4, "shift8": 8}
ASIDE = 24  # px that a mask is moved to lie on other tissue
CELL = 8  # px between the lines of a grid, and the side of a flat place
LINE = 2.0  # grey levels that the lines of a grid are brighter
FLATTEST = 1 / 3  # of an image's places
GRAIN = 3.0  # grey levels, standard deviation of the noise in flat places

Planting = Callable[[Images, Masks, np.random.Generator], tuple[Images, Masks]]


def blurred(images: Images, pixels: float) -> Images:
    """By a Gaussian of so many pixels' standard deviation."""
    soft = ndimage.gaussian_filter(images.astype(np.float32), (0, pixels, pixels, 0))
    return _grey_levels(soft)


def noisy(images: Images, rng: np.random.Generator) -> Images:
    """With white noise of 5 grey levels."""
    return _grey_levels(images + rng.normal(0, 5, images.shape))


def gridded(images: Images) -> Images:
    """With faint bright lines every 8 px, as autoencoders of that factor leave them."""
    rows, columns = np.indices(images.shape[1:3])
    lines = (rows % CELL == 0) | (columns % CELL == 0)
    return _grey_levels(images + LINE * lines[None, :, :, None])


def grainy(images: Images, rng: np.random.Generator) -> Images:
    """With white noise in the flattest third of the places of 8 x 8 px, and nowhere else."""
    grain = rng.normal(0, GRAIN, images.shape) * _flat(images)[..., None]
    return _grey_levels(images + grain)


def shifted(masks: Masks, by: int, rng: np.random.Generator) -> Masks:
    """Each mask moved up, down, left or right, what comes in being background."""
    moves = np.array([(by, 0), (-by, 0), (0, by), (0, -by)])[rng.integers(4, size=len(masks))]
    wide = np.pad(masks, ((0, 0), (by, by), (by, by)))
    height, width = masks.shape[1:]
    rows, columns = (by - moves).T
    moved = [
        wide[i, row : row + height, at : at + width]
        for i, (row, at) in enumerate(zip(rows, columns, strict=True))
    ]
    return np.stack(moved)


def swapped(masks: Masks) -> Masks:
    """The first two classes have changed names."""
    return np.where(masks == 1, 2, np.where(masks == 2, 1, masks)).astype(np.uint8)


def _flat(images: Images) -> NDArray[np.bool_]:
    """(N, H, W) where the low-passed image varies least."""
    smooth = ndimage.gaussian_filter(luminance(images), (0, CELL / 4, CELL / 4))
    ranges = ndimage.maximum_filter(smooth, (1, CELL, CELL)) - ndimage.minimum_filter(
        smooth, (1, CELL, CELL)
    )
    places = ranges[:, CELL // 2 :: CELL, CELL // 2 :: CELL]
    least = np.quantile(places, FLATTEST, axis=(1, 2), keepdims=True)
    flat = np.repeat(np.repeat(places <= least, CELL, 1), CELL, 2)
    missing = [(0, size - got) for size, got in zip(images.shape[1:3], flat.shape[1:], strict=True)]
    return np.asarray(np.pad(flat, ((0, 0), *missing)))


def _grey_levels(values: NDArray[np.floating]) -> Images:
    return np.asarray(values.round().clip(0, 255), np.uint8)


def _shifting(by: int) -> Planting:
    return lambda images, masks, rng: (images, shifted(masks, by, rng))


# Of any image and mask; `swapped` needs two classes.
PLANTINGS: Mapping[str, Planting] = {
    "blur": lambda images, masks, _: (blurred(images, 1), masks),
    "noise5": lambda images, masks, rng: (noisy(images, rng), masks),
    **{name: _shifting(by) for name, by in SHIFTS.items()},
    "blur_half": lambda images, masks, _: (blurred(images, 0.5), masks),
    "grid": lambda images, masks, _: (gridded(images), masks),
    "grain": lambda images, masks, rng: (grainy(images, rng), masks),
    "wrong_tissue": _shifting(ASIDE),
}
