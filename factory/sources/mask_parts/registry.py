"""Files that hold masks without being images of them: ending -> what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from factory.sources.dicom.header import is_segmentation
from factory.sources.mask_parts.annotations import read_json_mask
from factory.sources.mask_parts.dicom_seg import read_segmentation
from factory.sources.mask_parts.part import MaskPart
from factory.sources.mask_parts.shapes import Reader

READERS: Mapping[str, Reader] = {
    ".json": read_json_mask,
}


def reader_of(path: Path) -> Reader | None:
    """What reads a file that holds masks; None for an image."""
    if is_segmentation(path):  # its name need not tell
        return read_segmentation
    return READERS.get(path.suffix.lower())


def is_plain(parts: Sequence[MaskPart]) -> bool:
    """Whether they are one image file, taken as it is."""
    return len(parts) == 1 and not parts[0].key and reader_of(parts[0].path) is None
