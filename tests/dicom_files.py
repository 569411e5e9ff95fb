"""Small DICOM files as devices write them, and segmentations of them as highdicom does."""

import numpy as np
import pydicom
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

KINDS = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
}
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
ALGORITHM = AlgorithmIdentificationSequence("hand", codes.DCM.ArtificialIntelligence, "1")


def uid(*words):
    """The same for the same words."""
    return generate_uid(entropy_srcs=[repr(words)])


def described(kind, patient, *words):
    """A data set without an image; the words tell its series and its number in it."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = KINDS.get(kind, kind)
    meta.MediaStorageSOPInstanceUID = uid(patient, *words)
    told = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    told.SOPClassUID, told.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    told.PatientID, told.PatientName, told.PatientBirthDate, told.PatientSex = patient, "", "", ""
    told.StudyInstanceUID, told.SeriesInstanceUID = uid(patient), uid(patient, *words[:-1])
    told.StudyDate, told.StudyTime, told.StudyID, told.AccessionNumber = "", "", "", ""
    told.ReferringPhysicianName, told.Manufacturer, told.SeriesNumber = "", "", 1
    told.Modality, told.InstanceNumber = kind if kind in KINDS else "OT", 1
    return told


def image(kind, pixels, patient="P1", words=("image", 0), **tags):
    """An image (H, W), (K, H, W) or (H, W, 3); tags are set last."""
    told = described(kind, patient, *words)
    coloured = pixels.ndim == 3 and pixels.shape[-1] == 3
    told.SamplesPerPixel = 3 if coloured else 1
    told.PhotometricInterpretation = "RGB" if coloured else "MONOCHROME2"
    if coloured:
        told.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        told.NumberOfFrames = len(pixels)
    told.Rows, told.Columns = pixels.shape[:2] if coloured else pixels.shape[-2:]
    bits = 8 * pixels.dtype.itemsize
    told.BitsAllocated, told.BitsStored, told.HighBit = bits, bits, bits - 1
    told.PixelRepresentation = int(pixels.dtype.kind == "i")
    told.PixelData = np.ascontiguousarray(pixels).tobytes()
    for name, value in tags.items():
        setattr(told, name, value)
    return told


def series(kind, volume, patient="P1", word="series", spacing=(0.5, 0.25), gap=2.0, **tags):
    """The slices (K, H, W) of a volume, from the feet up, each a data set."""
    return [
        image(
            kind,
            pixels,
            patient,
            (word, number),
            ImagePositionPatient=[0.0, 0.0, number * gap],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=list(spacing),
            SliceThickness=gap,
            FrameOfReferenceUID=uid(patient, word, "frame"),
            InstanceNumber=number + 1,
            **tags,
        )
        for number, pixels in enumerate(volume)
    ]


def segmentation(images, inside, labels=("lesion",), kind="BINARY"):
    """Of images, by masks (K, H, W, S) bool, or (K, H, W) label values or fractions."""
    described_ = [
        SegmentDescription(at, label, codes.SCT.Tissue, codes.SCT.Tissue, "AUTOMATIC", ALGORITHM)
        for at, label in enumerate(labels, 1)
    ]
    words = images[0].SOPInstanceUID, kind
    return Segmentation(
        images, inside, kind, described_, uid(*words, "s"), 2, uid(*words), 1, "m", "m", "1", "1"
    )  # fmt: skip


def save(told, path):
    """Writes a file, and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, told, enforce_file_format=True)
    return path
