"""Real masks warped a little: new outlines that a real image could still have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates

from factory.prompts.masks.section import MasksSection

Mask = NDArray[np.uint8]  # (H, W), or (K, H, W) of a volume; class indices, 0 = background
Field = NDArray[np.float64]  # (2, H, W), row and column of each pixel
# Class index -> (2, 3): least and largest area, row and column, see `measure`; (2, 4) of volumes.
Ranges = Mapping[int, NDArray[np.float64]]

VERSION = 1  # of the warp: another one draws other masks from the same seeds
ATTEMPTS = 10
NODES = 6  # of the elastic field, along each side: bends are about a fifth of the image long
# What a warped mask may exceed the training masks by: they are few, and do not end where they end.
AREA_FACTOR = 1.25
CENTROID_MARGIN = 0.05  # share of the side


def plausible_warp(mask: Mask, seed: int, section: MasksSection, ranges: Ranges) -> Mask:
    """A warp of a mask that the domain's masks make plausible; the mask itself where none is found.

    Args:
        mask: (H, W), or (K, H, W) of a volume, real.
        seed: in [0, 2**64); it alone decides which warp.
        section: how far.
        ranges: of the domain's training masks, from `ranges_of`.
    """
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        field = draw_field(mask.shape[-2:], rng, section)
        if not folds(field) and is_plausible(found := warp(mask, field), mask, ranges):
            return found
    return mask.copy()


def draw_field(shape: tuple[int, ...], rng: np.random.Generator, section: MasksSection) -> Field:
    """(2, H, W) where each pixel of a warped mask comes from: affine, then bent.

    The field is drawn in shares of the image, so that one seed bends all sizes alike.
    """
    turn = math.radians(rng.uniform(-1, 1) * section.rotate)
    size = 1 + rng.uniform(-1, 1) * section.scale
    sides = np.array(shape, float).reshape(2, 1, 1)
    shift = rng.uniform(-1, 1, (2, 1, 1)) * section.shift * sides
    nodes = rng.standard_normal((2, NODES, NODES)) * section.elastic
    centre = (sides - 1) / 2
    rows, columns = np.indices(shape, dtype=float) - centre - shift
    turned = np.stack(
        [
            math.cos(turn) * rows + math.sin(turn) * columns,
            math.cos(turn) * columns - math.sin(turn) * rows,
        ]
    )
    return turned / size + centre + _bends(nodes, shape) * sides


def _bends(nodes: NDArray[np.float64], shape: tuple[int, ...]) -> Field:
    """Cubic splines through the nodes, which reach from edge to edge."""
    at = np.meshgrid(*(np.linspace(0, NODES - 1, side) for side in shape), indexing="ij")
    return np.stack([map_coordinates(each, at, order=3, mode="nearest") for each in nodes])


def folds(field: Field) -> bool:
    """Whether a field turns some part inside out, which tears and doubles what is there."""
    (down, along), (across, right) = (np.gradient(each) for each in field)
    return bool((down * right - along * across <= 0).any())


def warp(mask: Mask, field: Field) -> Mask:
    """The mask read at a field's positions; what comes from outside goes on as the edge does.

    All slices of a volume are read at the same positions, so that they go on to fit each other.

    Each class is read as its signed distance, so that outlines stay smooth where the nearest pixel
    would make steps; each pixel takes the class it lies deepest in, the lowest index of equals.
    """
    if mask.ndim == 3:
        return np.stack([warp(each, field) for each in mask])
    classes = np.unique(mask)
    if len(classes) == 1:
        return mask.copy()
    depth = [_read(_signed_distance(mask == index), field) for index in classes]
    return classes[np.argmax(depth, axis=0)]


def _signed_distance(region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pixels to the outline: positive within the region, negative outside, never 0."""
    inside, outside = distance_transform_edt(region), distance_transform_edt(~region)
    return np.asarray(inside - outside, np.float64)


def _read(values: NDArray[np.float64], field: Field) -> NDArray[np.float64]:
    return np.asarray(map_coordinates(values, field, order=1, mode="nearest"), np.float64)


def measure(mask: Mask) -> dict[int, NDArray[np.float64]]:
    """Class index -> (area, row, column): share of the image; centroid in shares of the sides.

    Of a volume: share of all voxels, then slice, row and column.

    Only classes that are shown have an entry, the background never.
    """
    found = {}
    for index in np.unique(mask[mask > 0]):
        at = np.argwhere(mask == index)
        found[int(index)] = np.array([len(at) / mask.size, *((at.mean(0) + 0.5) / mask.shape)])
    return found


def ranges_of(masks: Iterable[Mask]) -> dict[int, NDArray[np.float64]]:
    """Class index -> (2, 3): least and largest area, row and column of the masks that show it."""
    measured: dict[int, list[NDArray[np.float64]]] = {}
    for mask in masks:
        for index, values in measure(mask).items():
            measured.setdefault(index, []).append(values)
    return {i: np.stack([np.min(v, 0), np.max(v, 0)]) for i, v in sorted(measured.items())}


def is_plausible(warped: Mask, original: Mask, ranges: Ranges) -> bool:
    """Whether a warped mask shows what its original does, as the training masks show it.

    That is: the same classes (of a volume in each slice), the same of them next to each other, and
    each of a size and in a place that some training mask of the domain has, give or take a
    tolerance.
    """
    found = measure(warped)
    if classes_shown(warped) != classes_shown(original) or neighbours(warped) != neighbours(
        original
    ):
        return False
    return all(_within(values, ranges[index]) for index, values in found.items())


def classes_shown(mask: Mask) -> list[frozenset[int]]:
    """The classes that a mask shows, or each slice of a volume."""
    slices = mask if mask.ndim == 3 else mask[None]
    return [frozenset(np.unique(each[each > 0]).tolist()) for each in slices]


def _within(values: NDArray[np.float64], bounds: NDArray[np.float64]) -> bool:
    low, high = bounds
    area = low[0] / AREA_FACTOR <= values[0] <= high[0] * AREA_FACTOR
    place = (low - CENTROID_MARGIN <= values) & (values <= high + CENTROID_MARGIN)
    return bool(area and place[1:].all())


def neighbours(mask: Mask) -> frozenset[tuple[int, int]]:
    """The pairs of indices, the lower first, that share an edge of a pixel; background included."""
    axes = (mask.swapaxes(0, axis) for axis in range(mask.ndim))
    beside = ((along[1:], along[:-1]) for along in axes)
    codes = {
        int(code)
        for one, other in beside
        for code in np.unique(np.minimum(one, other) * np.int64(256) + np.maximum(one, other))
    }
    pairs = (divmod(code, 256) for code in codes)
    return frozenset((low, high) for low, high in pairs if low != high)
