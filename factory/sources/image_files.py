"""Image files as stacks of slices: PNG, JPEG and NIfTI, told apart by their names."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage
from numpy.typing import NDArray
from PIL import Image

from factory.errors import InputError

VOLUME_ENDINGS = (".nii", ".nii.gz")
FLAT_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

# Everything that Pillow and nibabel are known to raise at bytes that are not an image.
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    MemoryError,
    zlib.error,
    Image.DecompressionBombError,
    ImageFileError,
    HeaderDataError,
)


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of one file.

    Attributes:
        pixels: (K, H, W) or (K, H, W, 3), in the file's own type; K = 1 for a flat image.
        spacing_mm: distance of (rows, columns) in mm, NaN where the file does not say.
        volume: whether the file is a volume, so that a slice has a number.
    """

    pixels: NDArray[Any]
    spacing_mm: tuple[float, float]
    volume: bool

    @property
    def size(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        count, rows, columns = self.pixels.shape[:3]
        return count, rows, columns


def is_volume(path: Path) -> bool:
    """Whether the name says NIfTI."""
    return path.name.lower().endswith(VOLUME_ENDINGS)


def read_stack(path: Path, name: str, like: Path | None = None) -> Stack:
    """Reads one image or mask file.

    Slices are cut along the last axis of a NIfTI file and turned the way they are looked at:
    the head or the front of the body up, and the patient's right, or the front, at the left.

    Args:
        path: the file.
        name: what to call it in an error.
        like: for a mask, the image it belongs to: volumes are turned by that header, because
            masks are often saved without one.

    Raises:
        InputError: if the file is missing, is of another kind or cannot be decoded.
    """
    if not path.is_file():
        raise InputError(f"{name}: there is no such file")
    try:
        if is_volume(path):
            return _read_volume(path, path if like is None else like)
        if path.suffix.lower() in FLAT_ENDINGS:
            return _read_flat(path, is_mask=like is not None)
    except UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name}: cannot be read as an image ({reason}); replace it") from error
    kinds = ", ".join((*FLAT_ENDINGS, *VOLUME_ENDINGS))
    raise InputError(f"{name}: this kind of file cannot be read; known are {kinds}")


def _read_flat(path: Path, *, is_mask: bool) -> Stack:
    # A mask's palette only colours its indices; a picture's palette is the picture.
    plain = {"P": "P", "1": "1"} if is_mask else {"P": "RGB", "1": "L", "LA": "L", "La": "L"}
    colour = dict.fromkeys(("RGBA", "CMYK", "YCbCr", "LAB", "HSV"), "RGB")
    with Image.open(path) as picture:
        mode = (plain | colour).get(picture.mode, picture.mode)
        pixels = np.asarray(picture if mode == picture.mode else picture.convert(mode))
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    return Stack(pixels[None], (np.nan, np.nan), volume=False)


def _read_volume(path: Path, like: Path) -> Stack:
    file = nibabel.load(path)
    array = np.asanyarray(file.dataobj)
    array = array.reshape(array.shape[:3]) if set(array.shape[3:]) <= {1} else array
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"shape {array.shape} is not one volume")
    header = _header(like) or file
    rows, columns = (float(value) for value in header.header.get_zooms()[:2])
    turned, swapped = _upright(array, nibabel.aff2axcodes(header.affine)[:2])
    spacing = (columns, rows) if swapped else (rows, columns)
    return Stack(np.moveaxis(turned, 2, 0), spacing, volume=True)


def _header(path: Path) -> SpatialImage | None:
    try:
        return nibabel.load(path)
    except UNREADABLE:
        return None  # a bad image is refused as such; its mask is still worth checking


def _upright(array: NDArray[Any], codes: tuple[str | None, ...]) -> tuple[NDArray[Any], bool]:
    """The slices (A, B, K) as (rows, columns, K), and whether the two axes were exchanged."""
    # Which axis runs down the picture: head-foot before front-back before right-left.
    down = ["SI".find(str(code)) >= 0 for code in codes]
    if not any(down):
        down = ["AP".find(str(code)) >= 0 for code in codes]
    swapped = down[1]
    if swapped:
        array, codes = array.swapaxes(0, 1), (codes[1], codes[0])
    # A code names the end the index grows towards; rows must grow to I or P, columns to L or P.
    flips = tuple(axis for axis, ends in enumerate(("SA", "RA")) if codes[axis] in tuple(ends))
    return np.flip(array, flips), swapped
