"""The slices of one image file, whatever its kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

ENDS = {"R": "the right", "L": "the left", "A": "the front", "P": "the back"}


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of one file.

    Attributes:
        pixels: (K, H, W) or (K, H, W, 3), in the file's own type; K = 1 for a flat image.
        spacing_mm: distance of (rows, columns) in mm, NaN where the file does not say.
        volume: whether the file is a volume, so that a slice has a number.
        measured: whether the numbers are on a scale of the file's own and need a window to be
            seen; False for 8 bits that are grey levels or colours as they are.
        window: numbers that the file wants black and white; None where it names none.
        slice_mm: from one slice to the next, NaN for a flat image or where the file does not say.
        orientation: which way columns, rows and slices run, see `factory.orientation`.
    """

    pixels: NDArray[Any]
    spacing_mm: tuple[float, float]
    volume: bool
    measured: bool = False
    window: tuple[float, float] | None = None
    slice_mm: float = math.nan
    orientation: str = ""

    @property
    def unusual_cut(self) -> str:
        """Where slices of a volume are not axial: which way they run, and what would make them so."""
        if not self.volume or self.orientation[2:] not in ENDS:
            return ""
        end = self.orientation[2]
        return (
            f"; its third axis, along which slices follow each other, runs to {ENDS[end]} ({end}): "
            "for axial slices save image and mask by nibabel.as_closest_canonical"
        )

    @property
    def size(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        count, rows, columns = self.pixels.shape[:3]
        return count, rows, columns
