"""The export `dicom`: series where all pairs are slices of volumes, else an image each."""

from __future__ import annotations

from collections.abc import Iterator

from factory.exports.by_domain import Part
from factory.exports.dicom.capture import write_captures
from factory.exports.dicom.series import write_series
from factory.exports.volumes import is_stacked
from factory.sources.dicom.library import check_installed


def write_dicom(part: Part) -> Iterator[int]:
    """Writes images/ and masks/ of a part.

    Yields:
        The number of pairs written since the last time.

    Raises:
        InputError: if pydicom and highdicom are not installed, or a volume cannot be a series.
    """
    check_installed("the export dicom")
    return write_series(part) if is_stacked(part) else write_captures(part)
