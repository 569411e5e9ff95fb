"""What a region's shape says: its pieces, its holes, and which half of a pair a piece belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Region = NDArray[np.bool_]  # (H, W)

ACROSS = 0.2  # share of a piece on its lesser side from which it is two halves grown together
TOUCHING = np.ones((3, 3), bool)  # pixels that meet at a corner are one piece


def pieces(region: Region) -> list[Region]:
    """Connected parts, largest first."""
    numbers, count = ndimage.label(region, TOUCHING)
    parts: list[Region] = [numbers == number for number in range(1, count + 1)]
    return sorted(parts, key=lambda part: -int(part.sum()))


def without_specks(region: Region, least: float) -> Region:
    """The region without the pieces that cover less than a share of the image."""
    kept = [part for part in pieces(region) if part.mean() >= least]
    return np.logical_or.reduce([np.zeros_like(region), *kept])


def heaviest(region: Region, scores: NDArray[np.float32], most: int | None) -> Region:
    """The region's pieces over which scores (H, W) sum to most, so many of them; None: all."""
    if most is None:
        return region
    parts = sorted(pieces(region), key=lambda part: -float(scores[part].sum()))
    return np.logical_or.reduce([np.zeros_like(region), *parts[:most]])


def without_holes(region: Region, fillable: Region) -> Region:
    """The region with its holes filled, but only where `fillable` says that nothing else lies."""
    filled: Region = ndimage.binary_fill_holes(region)
    return region | (filled & fillable)


def midline(region: Region) -> int:
    """Column at which the image's right half begins: where the region is thinnest.

    Looked for in the middle third of the image, because subjects stand there; of equally thin
    places the one nearest the centre.
    """
    width = region.shape[1]
    columns = np.pad(region.sum(axis=0), 1)
    places = np.arange(max(1, width // 3), max(2, -(-2 * width // 3) + 1))
    thickness = columns[places] + columns[places + 1]
    best = np.lexsort((np.abs(places - width / 2), thickness))[0]
    return int(places[best])


def sides(region: Region) -> tuple[Region, Region]:
    """The halves of a paired structure at the image's left and right.

    A piece goes whole to the side where most of it lies, so a slanted half keeps its tip beyond
    the midline; a piece with a fifth or more on either side is cut there.

    Returns:
        Two disjoint regions whose union is the region; either may be empty.
    """
    right_half = np.arange(region.shape[1]) >= midline(region)
    left, right = np.zeros_like(region), np.zeros_like(region)
    for part in pieces(region):
        share = float((part & right_half).sum() / part.sum())
        if ACROSS <= share <= 1 - ACROSS:
            left, right = left | (part & ~right_half), right | (part & right_half)
        elif share < 0.5:
            left = left | part
        else:
            right = right | part
    return left, right
