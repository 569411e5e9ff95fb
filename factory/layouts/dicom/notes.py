"""What is wrong with the DICOM files of a folder, a sentence for each fact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from factory.layouts.dicom.read import Read
from factory.layouts.layout import some
from factory.sources.dicom.series import has_holes


def notes_of(read: Read) -> Iterator[str]:
    """A sentence for each fact about files, with the first of them."""
    others: dict[str, list[str]] = defaultdict(list)
    for header in read.headers:
        if not header.is_image and not header.is_segmentation:
            others[header.kind].append(read.name(header))
    for kind, names in others.items():
        yield f"{len(names)} DICOM files are no images ({kind}) and are left out: {some(names)}"
    for fault, names in read.faults.items():
        yield f"left out, {fault}: {some(names)}"
    for fault, names in read.broken.items():
        yield f"left out, the DICOM series of these files {fault}: {some(names)}"
    blank = [u.image for u in read.units if np.isnan(u.headers[0].spacing_mm).any()]
    if blank:
        yield f"{len(blank)} DICOM images do not say their pixel spacing, so no mm: {some(blank)}"
    if holes := [u.image for u in read.units if len(u.headers) > 1 and has_holes(u.headers)]:
        yield f"{len(holes)} DICOM series seem to lack slices: {some(holes)}"
