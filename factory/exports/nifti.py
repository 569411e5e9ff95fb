"""The layout of the export `folder` with NIfTI files, for viewers and tools of radiology."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.exports.by_domain import Part
from factory.exports.folder import write_files
from factory.exports.volumes import is_stacked, write_volumes
from factory.pairs import Images, Masks


def write_nifti(part: Part) -> Iterator[int]:
    """Writes what `write_folder` writes, each image and mask as a volume of one slice.

    Slices of volumes become one volume, see `volumes.write_volumes`.

    Grey values stay 0 to 255. Rows run to the back, columns to the patient's left, as slices are
    looked at. The format cannot leave pixel spacing open: where it is unknown, 1 is written with
    units that are unknown too.

    Yields:
        The number of pairs written since the last time.

    Raises:
        InputError: if the images are coloured.
    """
    if part.snapshot.layout.channels != 1:
        raise InputError(
            f"data set {part.snapshot.name!r} has images in colour, and a NIfTI volume has one "
            "value per pixel: export it as folder or monai instead"
        )
    if is_stacked(part):
        return write_volumes(part)
    told = f"Synthetic, snapshot {part.snapshot.id}, {part.snapshot.name}"
    return write_files(part, ".nii.gz", partial(save_nifti, told=told))


def save_nifti(
    pixels: Images | Masks, path: Path, spacing_mm: NDArray[np.float32], told: str = ""
) -> None:
    """Writes a grey image (H, W, 1) or a mask (H, W) as (W, H, 1) voxels in mm.

    Args:
        pixels: uint8.
        path: ends with .nii or .nii.gz.
        spacing_mm: (2,) of rows and columns; NaN where unknown.
        told: what the file says of itself; of its header's 80 bytes the last stays 0.
    """
    known = bool(np.isfinite(spacing_mm).all())
    row, column = (float(value) for value in spacing_mm) if known else (1.0, 1.0)
    # World coordinates grow to the right, the front and the head.
    affine = np.diag([-column, -row, 1.0, 1.0])
    slices = pixels.reshape(*pixels.shape[:2], 1).swapaxes(0, 1)
    volume = nibabel.Nifti1Image(np.ascontiguousarray(slices), affine)
    volume.header.set_xyzt_units("mm" if known else "unknown")
    volume.header["descrip"] = told.encode("ascii", "replace")[:79]
    nibabel.save(volume, path)
