"""One DICOM image, or a series of slices, as a stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.sources.dicom.grey_levels import Levels, full_range, levels, merged
from factory.sources.dicom.header import Header, read_header
from factory.sources.dicom.library import refused
from factory.sources.dicom.series import gap_mm, is_series, orientation, series_of
from factory.sources.files.stack import Stack

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

MOST_PIXELS = 2**31
"""Of all frames of a file: more do not fit in memory."""


def headers_of(path: Path, name: str) -> list[Header]:
    """The headers of an image: of one file, or of the slices of a series in order.

    Raises:
        InputError: if there is none.
    """
    return series_of(path, name) if is_series(path) else [read_header(path, name)]


def read_dicom(path: Path, name: str, *, is_mask: bool = False) -> Stack:
    """The frames of a file, or the slices of a series, as radiologists look at them.

    Numbers are rescaled (Hounsfield units in CT), an inverted image is turned right, colours are
    RGB. The window is the first that the file names, else the full range.

    Args:
        path: a file; "FOLDER" or "FOLDER#UID" for a series.
        name: what to call it in an error.
        is_mask: whether its values are indices, which are kept as they are stored.

    Raises:
        InputError: if it holds no image, or one that cannot be decoded.
    """
    headers = headers_of(path, name)
    for header in headers:
        _check(header, name)
    parts = [_levels(header, name, is_mask=is_mask) for header in headers]
    if len({part.pixels.shape[1:] for part in parts}) > 1:
        raise InputError(f"{name} has slices in grey and in colour; export them as they were made")
    shown = merged(parts)
    return Stack(
        shown.pixels,
        headers[0].spacing_mm,
        volume=len(shown.pixels) > 1,
        measured=shown.measured and not is_mask,
        window=None if is_mask else full_range(shown),
        slice_mm=gap_mm(headers),
        orientation=orientation(headers),
    )


def _check(header: Header, name: str) -> None:
    if not header.size:
        raise InputError(f"{name} holds no image but {header.kind}; leave it out")
    if np.prod(header.size, dtype=float) > MOST_PIXELS:
        raise InputError(f"{name} says it has more than {MOST_PIXELS} pixels; crop or divide it")


def _levels(header: Header, name: str, *, is_mask: bool) -> Levels:
    with refused(name):
        from pydicom import dcmread

        told = dcmread(header.path)
        stored = _stored(told, name)
        frames = stored.reshape(
            header.size + stored.shape[stored.ndim - _colours(stored, header) :]
        )
        return Levels(frames) if is_mask else levels(told, frames)


def _colours(stored: NDArray[Any], header: Header) -> int:
    """1 where the last axis holds colours."""
    return int(stored.size != np.prod(header.size))


def _stored(told: Dataset, name: str) -> NDArray[Any]:
    from pydicom.pixels.utils import pixel_array

    _check_syntax(told.file_meta.TransferSyntaxUID, name)
    return pixel_array(told)


def _check_syntax(syntax: UID, name: str) -> None:
    """Refuses a compression that nothing installed can undo."""
    from pydicom.pixels.decoders.base import get_decoder

    if not syntax.is_compressed or not syntax.is_encapsulated:
        return
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise InputError(
            f"{name} is compressed as {syntax.name}, which cannot be read; save it uncompressed"
        ) from error
    if not decoder.is_available:
        needed = decoder.missing_dependencies[0].partition("requires ")[2].replace(" and ", " ")
        raise InputError(
            f"{name} is compressed as {syntax.name}, for which a decoder is missing: pip install "
            f"{_quoted(needed)}, or save it uncompressed"
        )


def _quoted(needed: str) -> str:
    """Requirements as a shell takes them; gdcm's wheel has another name."""
    return " ".join(f"'{each.replace('gdcm', 'python-gdcm')}'" for each in needed.split())
