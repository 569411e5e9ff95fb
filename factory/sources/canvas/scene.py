"""What a domain's phantom consists of: anatomy with exact regions, and the acquisition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from factory.sources.canvas.shapes import Field, Mask

Shown = frozenset[str]


@dataclass(frozen=True, eq=False)
class Scene:
    """Anatomy at twice the image size.

    Attributes:
        image: (n, n) or (n, n, 3) float32, about 0 to 1, before the acquisition.
        regions: class name -> (n, n) region; only the classes that are shown. Where regions
            overlap, the class of higher index wins.
    """

    image: NDArray[np.float32]
    regions: Mapping[str, Mask]


@dataclass(frozen=True)
class Phantom:
    """How one domain is drawn.

    Attributes:
        anatomy: (size, rng, finding, shown classes) -> Scene of that size.
        acquire: (image (S, S[, 3]) float32, rng) -> the same with blur, noise and exposure.
        field_mm: width of what the image shows, in mm; every size shows the same field of view.
    """

    anatomy: Callable[[int, np.random.Generator, str, Shown], Scene]
    acquire: Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]
    field_mm: float


def shrink(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each 2 x 2 block: (2n, 2n, ...) -> (n, n, ...)."""
    half: NDArray[np.float32] = image[0::2] + image[1::2]
    return (half[:, 0::2] + half[:, 1::2]) / np.float32(4)


def index_mask(
    regions: Mapping[str, Mask], classes: tuple[str, ...], size: int
) -> NDArray[np.uint8]:
    """Class indices (size, size): each pixel gets the class that covers most of it.

    Args:
        regions: (2 size, 2 size) regions; a later class of `classes` lies over an earlier one.
        classes: names in index order, the first has index 1.
        size: rows and columns of the mask.
    """
    labels = np.zeros((2 * size, 2 * size), np.uint8)
    for index, name in enumerate(classes, start=1):
        if name in regions:
            labels[regions[name]] = index
    mask = np.zeros((size, size), np.uint8)
    most = shrink((labels == 0).astype(np.float32))
    for index, name in enumerate(classes, start=1):
        if name in regions:
            share = shrink((labels == index).astype(np.float32))
            # At a tie the structure wins over the background and the later over the earlier.
            wins = (share >= most) & (share > 0)
            mask[wins], most = index, np.where(wins, share, most)
    return mask


def white(rng: np.random.Generator, image: Field) -> Field:
    """Independent standard normal values shaped like the image."""
    return rng.standard_normal(image.shape, dtype=np.float32)
