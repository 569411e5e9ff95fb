"""What the header of a DICOM file says, as far as pairs need it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from factory.places import check_file
from factory.sources.dicom.library import refused

if TYPE_CHECKING:
    from pydicom import Dataset

ENDINGS = (".dcm", ".dicom", ".ima")
MAGIC, AT = b"DICM", 128  # what every file has behind its preamble
# Of PACS and of anonymisers: label maps are of the second.
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
TAGS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber"),
    *("PatientID", "Modality", "BodyPartExamined", "Rows", "Columns", "NumberOfFrames"),
    *("SamplesPerPixel", "PhotometricInterpretation", "ImagePositionPatient"),
    *("ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing"),
    *("NominalScannedPixelSpacing", "SequenceOfUltrasoundRegions"),
    *("SharedFunctionalGroupsSequence", "ReferencedSeriesSequence", "SegmentSequence"),
)
CENTIMETRES, MM = 3, 10.0  # the unit of an ultrasound region, and what it is

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Header:
    """One file, without its pixels; "" and () are what it does not say.

    Attributes:
        path: of the file.
        kind: SOP class, as the standard names it.
        uid: of the instance.
        study: its UID.
        series: its UID.
        patient: PatientID, for splitting only.
        modality: as DICOM writes it, "MR".
        body_part: as DICOM writes it, "CHEST".
        size: frames, rows and columns; () for what is no image.
        coloured: whether a pixel is a colour.
        number: within the series.
        position: of the first pixel's centre, mm.
        orientation: directions of rows and of columns, six numbers.
        spacing_mm: distance of (rows, columns) in mm, NaN where unknown.
        segments: number and label of each segment of a segmentation.
        referenced: UIDs of the instances that a segmentation is of.
    """

    path: Path
    kind: str
    uid: str
    study: str
    series: str
    patient: str
    modality: str
    body_part: str
    size: tuple[int, ...]
    coloured: bool
    number: int
    position: Vector
    orientation: Vector
    spacing_mm: tuple[float, float]
    segments: tuple[tuple[int, str], ...]
    referenced: frozenset[str]

    @property
    def is_segmentation(self) -> bool:
        """Whether it holds masks of other instances."""
        return bool(self.segments)

    @property
    def is_image(self) -> bool:
        """Whether it holds an image, and not a mask, a text or a plan."""
        return bool(self.size) and not self.segments


def may_be_dicom(path: Path) -> bool:
    """Whether the name is one of DICOM's: its endings, none, or the number that ends a UID."""
    suffix = path.suffix.lower()
    return suffix in (*ENDINGS, "") or suffix[1:].isdecimal()


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its name or, where the name says nothing, by its first bytes."""
    if path.suffix.lower() in ENDINGS:
        return True
    if not may_be_dicom(path) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(AT + len(MAGIC))[AT:] == MAGIC
    except OSError:  # which whoever reads it tells
        return False


def is_segmentation(path: Path) -> bool:
    """Whether a file is a DICOM-SEG.

    Raises:
        InputError: if it is DICOM and the packages are missing, or it is damaged.
    """
    return path.is_file() and is_dicom(path) and read_header(path, str(path)).is_segmentation


def read_header(path: Path, name: str) -> Header:
    """The header of a file.

    Args:
        path: the file.
        name: what to call it in an error.

    Raises:
        InputError: if it is no DICOM, or no file.
    """
    check_file(path, name)
    with refused(name):
        from pydicom import dcmread

        told = dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
        return _header(path, told)


def _header(path: Path, told: Dataset) -> Header:
    def text(tag: str) -> str:
        return str(told.get(tag) or "").strip()

    return Header(
        path,
        kind=told.SOPClassUID.name,
        uid=told.SOPInstanceUID,
        study=text("StudyInstanceUID"),
        series=text("SeriesInstanceUID"),
        patient=text("PatientID"),
        modality=text("Modality").upper(),
        body_part=text("BodyPartExamined"),
        size=_size(told),
        coloured=_coloured(told),
        number=int(told.get("InstanceNumber") or 0),
        position=_vector(told.get("ImagePositionPatient"), 3),
        orientation=_vector(told.get("ImageOrientationPatient"), 6),
        spacing_mm=_spacing(told),
        segments=tuple(_segments(told)) if told.SOPClassUID in SEGMENTATIONS else (),
        referenced=frozenset(_referenced(told)),
    )


def _size(told: Dataset) -> tuple[int, ...]:
    if "Rows" not in told or "Columns" not in told:
        return ()
    return int(told.get("NumberOfFrames") or 1), int(told.Rows), int(told.Columns)


def _coloured(told: Dataset) -> bool:
    samples = int(told.get("SamplesPerPixel") or 1)
    return samples >= 3 or told.get("PhotometricInterpretation") == "PALETTE COLOR"


def _vector(value: Any, length: int) -> Vector:  # noqa: ANN401  # whatever a header holds
    numbers = tuple(float(each) for each in value or ())
    return numbers if len(numbers) == length and np.isfinite(numbers).all() else ()


def _spacing(told: Dataset) -> tuple[float, float]:
    """At the patient where that is known, else at the detector or on the film."""
    for found in _spacings(told):
        if len(found) == 2 and min(found) > 0:
            return found[0], found[1]
    return np.nan, np.nan


def _spacings(told: Dataset) -> Iterator[Vector]:
    for tag in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        yield _vector(told.get(tag), 2)
    for group in told.get("SharedFunctionalGroupsSequence") or ():
        for measures in group.get("PixelMeasuresSequence") or ():
            yield _vector(measures.get("PixelSpacing"), 2)
    for region in told.get("SequenceOfUltrasoundRegions") or ():
        units = (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection"))
        if units == (CENTIMETRES, CENTIMETRES):
            yield abs(region.PhysicalDeltaY) * MM, abs(region.PhysicalDeltaX) * MM


def _segments(told: Dataset) -> Iterator[tuple[int, str]]:
    """Those of things; what a label map calls 0 is where there is none."""
    for segment in told.get("SegmentSequence") or ():
        if segment.SegmentNumber:
            yield int(segment.SegmentNumber), class_name(str(segment.SegmentLabel))


def class_name(label: str) -> str:
    """A segment's label as the name of a class, without the signs that join names."""
    return " ".join(label.replace(";", " ").replace(",", " ").split())


def _referenced(told: Dataset) -> Iterator[str]:
    series: Sequence[Dataset] = told.get("ReferencedSeriesSequence") or ()
    for each in series:
        for instance in each.get("ReferencedInstanceSequence") or ():
            yield str(instance.ReferencedSOPInstanceUID)
