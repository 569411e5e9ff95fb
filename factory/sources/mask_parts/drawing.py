"""Shapes of annotations as pixels; (x, y) in pixels from the corner of the first one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage import draw

Region = NDArray[np.bool_]  # (H, W)
Points = NDArray[np.float64]  # (N, 2), x and y
CENTRE = 0.5  # annotations count from the corner of the first pixel, scikit-image from its centre
RIM = 1e-6  # what lies on the rim of a circle is inside


def polygon(points: Points, size: tuple[int, int]) -> Region:
    """(H, W), True inside of the corners."""
    inside, corners = np.zeros(size, bool), points - CENTRE
    inside[draw.polygon(corners[:, 1], corners[:, 0], shape=size)] = True
    return inside


def rectangle(points: Points, size: tuple[int, int]) -> Region:
    """(H, W), True in the smallest upright rectangle around the points."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return polygon(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), size)


def ellipse(
    centre: tuple[float, float],
    radii: tuple[float, float],
    size: tuple[int, int],
    turned: float = 0.0,
) -> Region:
    """(H, W), True in an ellipse; a circle where both radii are the same.

    Args:
        centre: x and y.
        radii: along x and along y, before it is turned.
        size: height and width.
        turned: in radians, clockwise as one sees it.
    """
    inside = np.zeros(size, bool)
    (x, y), (wide, high) = np.subtract(centre, CENTRE), np.add(radii, RIM)
    inside[draw.ellipse(y, x, high, wide, shape=size, rotation=-turned)] = True
    return inside
