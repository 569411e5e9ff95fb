"""Volumes as DICOM: each a series of slices that know where they lie, with one segmentation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.exports.by_domain import Part
from factory.exports.dicom.origin import DAY, HOUR, MAKER, Names, marked
from factory.exports.dicom.segmentation import segmentation_of
from factory.exports.volumes import directions_of, spacing_of, whole_volumes
from factory.pairs import Images, PairBatch
from factory.sources.dicom.library import refused

if TYPE_CHECKING:
    from pydicom import Dataset

TO_LEFT_AND_BACK = np.array([-1.0, -1.0, 1.0])  # as DICOM counts
BITS = 16  # CT has no fewer
# What only one kind of image must say: nothing was scanned, so that most of it is empty.
CT: Mapping[str, object] = {
    "Modality": "CT",
    "ImageType": ["DERIVED", "SECONDARY", "AXIAL"],
    "RescaleIntercept": 0,
    "RescaleSlope": 1,
    "KVP": None,
    "AcquisitionNumber": None,
}
MR: Mapping[str, object] = {
    "Modality": "MR",
    "ImageType": ["DERIVED", "SECONDARY", "OTHER"],
    "ScanningSequence": "RM",
    "SequenceVariant": "NONE",
    "ScanOptions": "",
    "MRAcquisitionType": "2D",
    "EchoTime": None,
    "EchoTrainLength": None,
}
KINDS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "CT": ("CTImageStorage", CT),
    "MRI": ("MRImageStorage", MR),
}


@dataclass(frozen=True, eq=False)
class Stack:
    """One volume on its way into files.

    Attributes:
        name: of the volume.
        pairs: its slices, from the lowest up.
        part: that it is of.
    """

    name: str
    pairs: PairBatch
    part: Part

    @cached_property
    def names(self) -> Names:
        """Of its patient, study, series and instances."""
        content = hashlib.sha256(f"{self.part.snapshot.id}/{self.name}".encode())
        content.update(self.pairs.images.tobytes() + self.pairs.masks.tobytes())
        return Names(content.hexdigest())

    @cached_property
    def spacing_mm(self) -> NDArray[np.float64]:
        """(3,) between slices, rows and columns; what is unknown is 1, as in NIfTI."""
        spacing = spacing_of(self.pairs)
        return np.where(np.isfinite(spacing), spacing, 1.0)

    @cached_property
    def directions(self) -> NDArray[np.float64]:
        """(3, 3) unit vectors of columns, rows and slices: to the left, the back and the head."""
        return directions_of(self.pairs) * TO_LEFT_AND_BACK


def write_series(part: Part) -> Iterator[int]:
    """Writes images/VOLUME/, a file per slice, and masks/VOLUME.dcm; a volume is a study of its own.

    Columns, rows and slices run as those of the training volume that its mask is of.

    Yields:
        The number of slices written since the last time.

    Raises:
        InputError: if the domain is neither CT nor MRI, or the images are coloured.
    """
    if part.modality not in KINDS:
        raise InputError(
            f"volumes of {part.domain} are {part.modality or 'of no known modality'}, and DICOM has "
            f"series of slices for {' and '.join(KINDS)}: export them as nifti instead"
        )
    (part.place / "masks").mkdir(parents=True)
    for name, pairs in whole_volumes(part):
        stack, place = Stack(name, pairs, part), part.place / "images" / name
        place.mkdir(parents=True)
        with refused(str(place)):
            slices = [_slice(stack, number) for number in range(len(pairs))]
            for number, each in enumerate(slices):
                each.save_as(place / f"{number:04d}.dcm", enforce_file_format=True)
            if pairs.has_mask.all():
                told = f"volume {name}"
                found = segmentation_of(slices, pairs.masks, part, stack.names, told)
                found.save_as(part.place / "masks" / f"{name}.dcm")
        yield len(pairs)


def _slice(stack: Stack, number: int) -> Dataset:
    from pydicom import Dataset, uid
    from pydicom.dataset import FileMetaDataset

    names, (between, row, column) = stack.names, stack.spacing_mm.tolist()
    storage, told = KINDS[stack.part.modality]
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    made.SOPClassUID = getattr(uid, storage)
    made.SOPInstanceUID = names.uid(f"image {number}")
    made.StudyInstanceUID, made.SeriesInstanceUID = names.uid("study"), names.uid("images")
    made.FrameOfReferenceUID = names.uid("frame of reference")
    made.PatientID, made.PatientName = names.patient, f"{names.patient}^"
    for name in (
        *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber"),
        *("StudyID", "ReferringPhysicianName", "PositionReferenceIndicator", "Laterality"),
    ):
        setattr(made, name, "")
    made.Manufacturer, made.PatientPosition = MAKER, "HFS"
    made.SeriesNumber, made.InstanceNumber = 1, number + 1
    made.ContentDate, made.ContentTime = DAY, HOUR
    made.PixelSpacing = [f"{row:.8g}", f"{column:.8g}"]
    made.SliceThickness = made.SpacingBetweenSlices = f"{between:.8g}"
    columns, rows, upwards = stack.directions
    made.ImageOrientationPatient = [int(part) for part in (*columns, *rows)]
    made.ImagePositionPatient = [f"{part + 0.0:.8g}" for part in number * between * upwards]
    for name, value in told.items():
        setattr(made, name, value)
    made.BurnedInAnnotation = "NO"
    _hold(made, stack.pairs.images[number])
    return marked(made, stack.part, names, "image", f"volume {stack.name}, slice {number}")


def _hold(made: Dataset, image: Images) -> None:
    """Puts the pixels (H, W, 1) in, as they are, 0 to 255."""
    made.Rows, made.Columns = image.shape[:2]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = BITS
    made.HighBit, made.PixelRepresentation = BITS - 1, 0
    made.PixelData = image[..., 0].astype("<u2").tobytes()
