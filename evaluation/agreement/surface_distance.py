"""How far two contours lie apart: HD95 and normalised surface Dice, missed structures included.

Libraries drop the cases where one mask is empty, so that a model improves by missing lesions (MONAI
issue 9095). Here they count: HD95 is then the image's diagonal, the surface Dice 0.

Sources: Huttenlocher et al. 1993 (Hausdorff distance), Nikolov et al. 2018 (arXiv 1809.04430, surface
Dice).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from evaluation.pairs import Masks

Flags = NDArray[np.bool_]
Lengths = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Distances between the contours of N pairs of masks, for each of K classes.

    Where neither mask shows a class, HD95 is 0 and the surface Dice 1; leave those out of any mean
    over positives. Both are NaN where the spacing is unknown.

    Attributes:
        hd95: (N, K) in mm: the larger of the two directed 95th percentiles.
        nsd: (N, K) share of both contours that lies within the tolerance of the other.
        shown: (N, K) whether the second mask, the truth, shows the class.
    """

    hd95: NDArray[np.float64]
    nsd: NDArray[np.float64]
    shown: Flags


def surfaces(
    ours: Masks, truth: Masks, classes: int, spacing_mm: NDArray[np.floating], tolerance_mm: float
) -> Surfaces:
    """Compares masks (N, H, W), or volumes (N, D, H, W), with the true ones.

    Args:
        ours: class indices.
        truth: class indices of the same pairs.
        classes: number of foreground classes K.
        spacing_mm: (N, 2) height and width of a pixel, of volumes (N, 3); NaN where unknown.
        tolerance_mm: contours this close count as one.
    """
    shape = len(ours), classes
    hd95, nsd = np.full(shape, np.nan), np.full(shape, np.nan)
    shown = np.zeros(shape, bool)
    for row, spacing in enumerate(np.asarray(spacing_mm, float)):
        for index in range(classes):
            a, b = ours[row] == index + 1, truth[row] == index + 1
            shown[row, index] = b.any()
            if np.isfinite(spacing).all():
                hd95[row, index], nsd[row, index] = compared(a, b, spacing, tolerance_mm)
    return Surfaces(hd95, nsd, shown)


def compared(a: Flags, b: Flags, spacing_mm: Lengths, tolerance_mm: float) -> tuple[float, float]:
    """HD95 in mm and surface Dice of two structures (H, W) or (D, H, W).

    0 and 1 if both are empty; the image's diagonal and 0 if one is.
    """
    if not (a.any() and b.any()):
        missed = bool(a.any() != b.any())
        diagonal = np.hypot.reduce(np.array(a.shape) * spacing_mm)
        return missed * float(diagonal), float(not missed)
    there, back = contour_distances(a, b, spacing_mm)
    both = np.concatenate([there, back])
    hd95 = max(float(np.percentile(distances, 95)) for distances in (there, back))
    return hd95, float((both <= tolerance_mm).mean())


def contour_distances(a: Flags, b: Flags, spacing_mm: Lengths) -> tuple[Lengths, Lengths]:
    """Distances in mm of a's contour pixels to b's contour, and of b's to a's; neither empty."""
    extent = _extent(a | b)
    edges = [_edge(structure[extent]) for structure in (a, b)]
    to_a, to_b = (distance_transform_edt(~edge, sampling=spacing_mm) for edge in edges)
    return to_b[edges[0]], to_a[edges[1]]


def _extent(structure: Flags) -> tuple[slice, ...]:
    """The box it lies in: nothing outside has a say in distances of its contours."""
    return tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(structure))


def _edge(structure: Flags) -> Flags:
    """Its pixels with one beside them, or the border of the image, that does not belong to it."""
    return structure & ~binary_erosion(structure)
