"""Masks as a DICOM segmentation (SEG), BINARY, that refers to the images that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from factory.exports.by_domain import Part
from factory.exports.dicom.origin import LONGEST, MAKER, SAID, Names, marked
from factory.pairs import Masks

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom import Dataset


def segmentation_of(
    images: Sequence[Dataset], masks: Masks, part: Part, names: Names, place: str
) -> Segmentation:
    """The masks (K, H, W) of K images of one study.

    Args:
        images: one, or the slices of a series.
        masks: class indices.
        part: that they are of.
        names: of their patient.
        place: in the version, in words: "row 5".
    """
    from highdicom.seg import Segmentation

    found = Segmentation(
        images,
        masks,
        "BINARY",
        list(_segments(part)),
        series_instance_uid=names.uid("masks"),
        series_number=2,
        sop_instance_uid=names.uid("mask"),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name="medpair",
        software_versions=part.software,
        device_serial_number="none",
        content_label="SYNTHETIC",
        content_description=SAID,
    )
    return marked(found, part, names, "mask", place)


def _segments(part: Part) -> Iterator[SegmentDescription]:
    """A segment for each class, in the order of their values, which begin at 1."""
    from highdicom.content import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    algorithm = AlgorithmIdentificationSequence(
        MAKER, codes.DCM.ArtificialIntelligence, part.software
    )
    for index, name in part.classes.items():
        if index:
            yield SegmentDescription(
                index,
                name[:LONGEST],
                Code("309825002", "SCT", "Spatial and Relational Concept"),
                Code(str(index), "99MEDPAIR", name[:LONGEST]),
                "AUTOMATIC",
                algorithm,
            )
