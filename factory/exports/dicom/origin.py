"""What DICOM files say of themselves: names that nobody has, segments, and that all is synthetic."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from factory.exports.by_domain import Part

if TYPE_CHECKING:
    from pydicom import Dataset

Made = TypeVar("Made", bound="Dataset")

MAKER = "MedPair Factory"
SAID = "SYNTHETIC, drawn by a generator; shows no patient"
# The time of an export is no fact of a pair: with it, two exports would differ.
DAY, HOUR = "19000101", "000000"
CAPTURED = (
    *("InstanceCreationDate", "InstanceCreationTime"),
    *("DateOfSecondaryCapture", "TimeOfSecondaryCapture"),
)
LONGEST = 64  # characters of a label


@dataclass(frozen=True)
class Names:
    """What a pair or a volume is called: all follows from its bytes, its place and its version."""

    digest: str

    @property
    def patient(self) -> str:
        """A name that nobody has."""
        return f"SYNTHETIC-{self.digest[:16]}"

    def uid(self, what: str) -> str:
        """A UID made of a UUID, as the standard has it."""
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.digest}/{what}').int}"


def marked(made: Made, part: Part, names: Names, what: str, place: str) -> Made:
    """The same, saying what it is, where from, and nothing of the clock.

    Args:
        made: an image or a segmentation, changed in place.
        part: that it is of.
        names: of its patient.
        what: "image" or "mask".
        place: in the version, in words: "row 5".
    """
    made.SeriesDescription = f"SYNTHETIC {what}, {part.domain}"[:LONGEST]
    made.StudyDescription = f"SYNTHETIC, data set {part.snapshot.name}"[:LONGEST]
    made.ImageComments = f"{SAID}. {part.origin}, {place}. {part.software}"
    if what == "image":
        made.DerivationDescription = SAID
    _without_clock(made)
    for name in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for each in made.get(name, ()):  # the library draws its UID by chance
            each.DimensionOrganizationUID = names.uid("dimensions")
    return made


def _without_clock(made: Dataset) -> None:
    for tag in CAPTURED:
        if tag in made:
            delattr(made, tag)
    for tool in made.get("ContributingEquipmentSequence") or ():
        if "ContributionDateTime" in tool:
            del tool.ContributionDateTime
    if "ContentDate" in made:
        made.ContentDate, made.ContentTime = DAY, HOUR
