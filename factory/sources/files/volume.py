"""Volumes in NIfTI: turned upright by their headers, spacing in mm, labels whole."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError, SpatialImage
from numpy.typing import NDArray

from factory.errors import InputError
from factory.garbled import GARBLED
from factory.orientation import OTHER_END
from factory.sources.files.stack import Stack
from factory.sources.files.whole_labels import whole_labels

MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
MOST_DEFLATED = 1032  # bytes of a byte, zlib's technical details: https://zlib.net/zlib_tech.html
MOST_VOXELS = 2**31
"""More do not fit in memory, so that whoever wrote the header made a mistake or a trap."""


def read_volume(path: Path, name: str, *, is_mask: bool = False, like: Path | None = None) -> Stack:
    """The slices of a NIfTI file along the last axis, turned the way they are looked at.

    Args:
        path: the file.
        name: what to call it in an error.
        is_mask: whether its values are indices, which are whole but for the rounding of a scale.
        like: for a mask, the image it belongs to: the mask is brought into its orientation, or
            taken to lie voxel by voxel on it where one of the headers gives no orientation.

    Raises:
        InputError: where the voxels are no numbers that can be seen.
        ValueError: and what else bytes of another format bring about, where it cannot be decoded.
    """
    try:
        return _read(path, name, is_mask=is_mask, like=None if like is None else _header(like))
    except (ImageFileError, HeaderDataError) as error:
        raise ValueError(str(error)) from error


def _header(path: Path) -> SpatialImage | None:
    """The header of a mask's image; None where that is a bad volume, which is refused as such."""
    try:
        file = nibabel.load(path)
    except (*GARBLED, zlib.error, ImageFileError, HeaderDataError):
        return None
    return file if isinstance(file, nibabel.nifti1.Nifti1Pair) else None


def _read(path: Path, name: str, *, is_mask: bool, like: SpatialImage | None) -> Stack:
    file = nibabel.load(path)
    if not isinstance(file, nibabel.nifti1.Nifti1Pair):
        raise InputError(f"{name}: its content is no NIfTI, whatever the name says; convert it")
    array = _voxels(file, name)
    if is_mask:
        scaled = file.get_data_dtype().kind in "iu"
        array = whole_labels(array, step=abs(float(file.dataobj.slope)) if scaled else 0.0)
    if like is not None:
        array = _oriented(array, file, like)
    header = file if like is None else like
    turned, swapped, ends = _upright(array, nibabel.aff2axcodes(_affine(header)))
    rows, columns, slices = _spacing(header)
    spacing = (columns, rows) if swapped else (rows, columns)
    colour = turned.ndim == 4
    pixels = np.moveaxis(turned, 2, 0)
    return Stack(
        pixels,
        spacing,
        volume=True,
        measured=not colour,
        slice_mm=slices,
        orientation=ends if _says_orientation(header) else "",
    )


def _voxels(file: SpatialImage, name: str) -> NDArray[Any]:
    """(A, B, K) numbers, or (A, B, K, 3) colours of 8 bits."""
    shape, kind = file.shape, file.get_data_dtype()
    shape = shape[:3] if set(shape[3:]) <= {1} else shape
    shape = (*shape, 1) if len(shape) == 2 else shape
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(
            f"{name} has the shape {' x '.join(map(str, file.shape))}, which is not one volume; save "
            "each volume as a file of its own"
        )
    if np.prod(shape, dtype=float) > MOST_VOXELS:
        raise InputError(f"{name} says it has more than {MOST_VOXELS} voxels; crop or divide it")
    if (told := np.prod(shape, dtype=float) * kind.itemsize) > _room(file):
        raise InputError(
            f"{name}: cannot be read as an image (its header says {told:.0f} bytes of voxels, which "
            "the file does not hold); replace it"
        )
    if kind.kind == "c":
        raise InputError(
            f"{name} holds complex numbers ({kind}), which nobody sees; save their magnitude"
        )
    array = np.asanyarray(file.dataobj).reshape(shape)
    if kind.names is None:
        return array
    return np.stack([array[channel] for channel in kind.names[:3]], axis=-1)


def _room(file: SpatialImage) -> float:
    """Bytes that a file can hold at most; what its header says is laid out before it is read."""
    path = Path(str(file.get_filename()))
    return path.stat().st_size * (MOST_DEFLATED if path.name.lower().endswith(".gz") else 1)


def _oriented(array: NDArray[Any], file: SpatialImage, like: SpatialImage) -> NDArray[Any]:
    """The array of a file with its axes as those of another."""
    if not (_says_orientation(file) and _says_orientation(like)):
        return array
    change = ornt_transform(io_orientation(_affine(file)), io_orientation(_affine(like)))
    return apply_orientation(array, change)


def _says_orientation(file: SpatialImage) -> bool:
    """Whether the header says how the voxels lie; tools that know nothing write none, or ones."""
    coded = file.header["qform_code"] > 0 or file.header["sform_code"] > 0
    return bool(coded) and not np.array_equal(_affine(file), np.eye(4))


def _affine(file: SpatialImage) -> NDArray[np.float64]:
    """Voxel to world (4, 4); ones where the header's cannot be one."""
    affine = file.affine
    return affine if np.isfinite(affine).all() and np.linalg.det(affine) else np.eye(4)


def _spacing(file: SpatialImage) -> tuple[float, float, float]:
    """Distance along the axes in mm, NaN where the header holds none; the third may lack alone."""
    try:
        unit = MM[file.header.get_xyzt_units()[0]]
    except KeyError:
        unit = np.nan
    first, second, *rest = (float(zoom) * unit for zoom in file.header.get_zooms()[:3])
    third = rest[0] if rest and 0 < rest[0] < np.inf else np.nan
    known = 0 < first < np.inf and 0 < second < np.inf
    return (first, second, third) if known else (np.nan, np.nan, np.nan)


def _upright(array: NDArray[Any], codes: tuple[str | None, ...]) -> tuple[NDArray[Any], bool, str]:
    """The slices (A, B, K) as (rows, columns, K), whether two axes were exchanged, and orientation."""
    # Which axis runs down the picture: head-foot before front-back before right-left.
    rows, columns, slices = (str(code) for code in codes)
    swapped = columns in "SI" or (columns in "AP" and rows not in "SI")
    if swapped:
        array, rows, columns = array.swapaxes(0, 1), columns, rows
    # A code names the end the index grows towards; rows must grow to I or P, columns to L or P.
    flips = tuple(axis for axis, end in enumerate((rows, columns)) if end in "SAR")
    turned = [end.translate(OTHER_END) if end in "SAR" else end for end in (columns, rows)]
    return np.flip(array, flips), swapped, "".join([*turned, slices])
