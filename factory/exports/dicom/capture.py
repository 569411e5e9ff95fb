"""Pairs as DICOM: each a Secondary Capture image, with a segmentation (SEG) that refers to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from factory.exports.by_domain import Part
from factory.exports.dicom.origin import MAKER, Names, marked
from factory.exports.dicom.segmentation import segmentation_of
from factory.pairs import Images, Masks
from factory.sources.dicom.library import refused

if TYPE_CHECKING:
    from highdicom.sc import SCImage


MODALITIES: Mapping[str, str] = {
    "CT": "CT",
    "MRI": "MR",
    "ultrasound": "US",
    "X-ray": "DX",
    "PET": "PT",
}


@dataclass(frozen=True, eq=False)
class Pair:
    """One pair on its way into files.

    Attributes:
        image: (H, W, C) uint8.
        mask: (H, W) class indices; None where there is none.
        spacing_mm: (2,) of rows and columns, NaN where unknown.
        row: of the version.
        part: that it is of.
    """

    image: Images
    mask: Masks | None
    spacing_mm: NDArray[np.float32]
    row: int
    part: Part

    @cached_property
    def names(self) -> Names:
        """Of its patient, study, series and instances."""
        content = hashlib.sha256(f"{self.part.snapshot.id}/{self.row}".encode())
        content.update(self.image.tobytes())
        content.update(b"" if self.mask is None else self.mask.tobytes())
        return Names(content.hexdigest())


def write_captures(part: Part) -> Iterator[int]:
    """Writes images/ and masks/, a file each; each pair is a study of a patient of its own.

    Yields:
        The number of pairs written since the last time.
    """
    for name in ("images", "masks"):
        (part.place / name).mkdir(parents=True)
    for pairs in part.blocks():
        for at, row in enumerate(pairs.facets["row"]):
            mask = pairs.masks[at] if pairs.has_mask[at] else None
            _write(Pair(pairs.images[at], mask, pairs.spacing_mm[at], int(row), part))
        yield len(pairs)


def _write(pair: Pair) -> None:
    name, place = f"{pair.row:06d}.dcm", pair.part.place
    with refused(str(place / name)):
        image = _image(pair)
        if pair.mask is not None:
            masks, told = pair.mask[None], f"row {pair.row}"
            found = segmentation_of([image], masks, pair.part, pair.names, told)
            found.save_as(place / "masks" / name)
        _measure(image, pair.spacing_mm)
        image.save_as(place / "images" / name)


def _image(pair: Pair) -> SCImage:
    from highdicom.sc import SCImage

    names, coloured = pair.names, pair.image.shape[-1] == 3
    image = SCImage(
        pair.image if coloured else pair.image[..., 0],
        "RGB" if coloured else "MONOCHROME2",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        study_instance_uid=names.uid("study"),
        series_instance_uid=names.uid("images"),
        sop_instance_uid=names.uid("image"),
        series_number=1,
        instance_number=1,
        manufacturer=MAKER,
        patient_id=names.patient,
        patient_name=f"{names.patient}^",
    )
    image.PatientOrientation = []  # nobody knows; the library wants one
    image.Modality = MODALITIES.get(pair.part.modality, "OT")
    image.BurnedInAnnotation = "NO"
    image.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    return marked(image, pair.part, names, "image", f"row {pair.row}")


def _measure(image: SCImage, spacing_mm: NDArray[np.float32]) -> None:
    """Says the spacing; last, as highdicom's segmentations of flat images with one are broken."""
    if np.isfinite(spacing_mm).all():
        image.PixelSpacing = [f"{value:.8g}" for value in spacing_mm.tolist()]
        image.NominalScannedPixelSpacing = image.PixelSpacing
