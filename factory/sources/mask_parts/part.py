"""What the mask column names: one file or several, each with a key where a file alone says too little."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MaskPart:
    """A file that a mask is read from, alone or with others.

    Attributes:
        path: of the file.
        key: what of it is meant. Of an image, the value that every pixel other than 0 has; "" for
            the values that are there. Of a file of annotations, the image; "" for its only one.
    """

    path: Path
    key: str = ""


def parse_cell(folder: Path, cell: str) -> tuple[MaskPart, ...]:
    """The parts of a cell such as "a.png", "a.png;b.png", "left.png#1;right.png#2" or "a.json#17".

    Args:
        folder: that the paths are relative to.
        cell: of the mask column. A path that is there is taken as it stands, ";" and "#" included.
    """
    if not cell or (folder / cell).is_file():
        return (MaskPart(folder / cell),)
    return tuple(_part(folder, text.strip()) for text in cell.split(";") if text.strip())


def _part(folder: Path, text: str) -> MaskPart:
    path, mark, key = text.rpartition("#")
    if not mark or (folder / text).is_file():
        return MaskPart(folder / text)
    return MaskPart(folder / path, key)
