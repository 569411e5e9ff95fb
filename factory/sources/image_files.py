"""Image files as stacks of slices: PNG, JPEG, BMP, TIFF, GIF, NIfTI, DICOM, told by names."""

from __future__ import annotations

import lzma
import warnings
import zlib
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from factory.errors import InputError, first_line
from factory.garbled import GARBLED
from factory.places import check_file
from factory.sources.dicom.header import ENDINGS, is_dicom, read_header
from factory.sources.dicom.reading import read_dicom
from factory.sources.dicom.series import is_series, series_of
from factory.sources.files import picture
from factory.sources.files.stack import Stack

VOLUME_ENDINGS = (".nii", ".nii.gz")
FLAT_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif")

# Everything that decoders are known to raise at bytes that are not an image.
UNREADABLE = (*GARBLED, SyntaxError, NotImplementedError, zlib.error, lzma.LZMAError)

# Pillow warns of what is half as large as the least that it refuses.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def is_volume(path: Path) -> bool:
    """Whether the name says NIfTI."""
    return path.name.lower().endswith(VOLUME_ENDINGS)


def read_stack(path: Path, name: str, like: Path | None = None) -> Stack:
    """Reads one image or mask file.

    Slices are cut along the last axis of a NIfTI file and turned the way they are looked at:
    the head or the front of the body up, and the patient's right, or the front, at the left.
    A flat picture is turned as its orientation tag says. Slices of DICOM lie as they are stored.

    Args:
        path: the file, or a series of DICOM slices: their folder, or FOLDER#SeriesInstanceUID.
        name: what to call it in an error.
        like: for a mask, the image it belongs to, in whose orientation volumes are turned.

    Raises:
        InputError: if the file is missing, is of another kind or cannot be decoded.
    """
    if is_series(path):
        return read_dicom(path, name, is_mask=like is not None)
    check_file(path, name)
    try:
        if is_dicom(path):
            return read_dicom(path, name, is_mask=like is not None)
        if is_volume(path):
            # Here, since whatever reads a recipe would wait for nibabel to be imported.
            from factory.sources.files.volume import read_volume

            own = like if like is not None and is_volume(like) else None
            return read_volume(path, name, is_mask=like is not None, like=own)
        if path.suffix.lower() in FLAT_ENDINGS:
            return picture.read_picture(path, name, is_mask=like is not None)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise InputError(
            f"{name} says it has more than {most} pixels, so that opening it could fill the memory; "
            "scale it down or cut it into tiles"
        ) from error
    except UNREADABLE as error:
        # Without the file's name, which stands before it: equal facts are told once.
        said = first_line(error).replace(str(path), "it")
        reason = "of no known kind" if isinstance(error, UnidentifiedImageError) else said
        raise InputError(f"{name}: cannot be read as an image ({reason}); replace it") from error
    kinds = ", ".join((*FLAT_ENDINGS, *VOLUME_ENDINGS, *ENDINGS))
    raise InputError(f"{name}: this kind of file cannot be read; known are {kinds}")


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that a path stands for: itself, or the slices of a DICOM series in order.

    Of a series that is broken, which reading it refuses, the path.
    """
    if not is_series(path):
        return (path,)
    try:
        return tuple(header.path for header in series_of(path, str(path)))
    except InputError:
        return (path,)


def is_coloured(path: Path) -> bool:
    """Whether a file is a flat picture in colours; False for a bad file, refused where it is read."""
    if not path.is_file() or is_volume(path):
        return False
    try:
        if is_dicom(path):
            return read_header(path, str(path)).coloured
        return picture.is_coloured(path)
    except (*UNREADABLE, Image.DecompressionBombError):
        return False
