"""What a file of annotations says of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from factory.sources.mask_parts.part import MaskPart


@dataclass(frozen=True, eq=False)
class Shapes:
    """The regions of one image.

    Attributes:
        size: slices, rows and columns.
        regions: class name and the pixels inside, (K, H, W) bool, in the order they are painted.
        volume: whether the image is a volume.
    """

    size: tuple[int, int, int]
    regions: Iterable[tuple[str, NDArray[Any]]]
    volume: bool = False


# Part, what to call its file in an error, the image it belongs to; raises InputError.
Reader = Callable[[MaskPart, str, Path], Shapes]
