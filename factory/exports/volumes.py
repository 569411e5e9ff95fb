"""Slices of volumes written as the volumes that they are: one NIfTI file each, in millimetres."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.exports.by_domain import Part
from factory.exports.folder import COLUMNS
from factory.orientation import directions
from factory.pairs import PairBatch, volumes_of

ENDING = ".nii.gz"
Floats = NDArray[np.float64]
Voxels = NDArray[np.uint8]  # (K, H, W)


def is_stacked(part: Part) -> bool:
    """Whether all pairs of a part are slices of volumes."""
    facets = part.snapshot.facets(part.rows)
    return "volume" in facets and bool((facets["volume"] != "").all())


def whole_volumes(part: Part) -> Iterator[tuple[str, PairBatch]]:
    """Name and slices of each volume of a part, from the lowest up, one in memory at a time.

    Raises:
        InputError: if the images are coloured.
    """
    if part.snapshot.layout.channels != 1:
        raise InputError(
            f"data set {part.snapshot.name!r} has volumes in colour, and a NIfTI volume has one "
            "value per voxel: export them as folder or monai instead"
        )
    for name, at in volumes_of(part.snapshot.facets(part.rows)).items():
        pairs = part.snapshot.read(part.rows[at])
        yield name, pairs[np.argsort(pairs.facets["slice"].astype(int), kind="stable")]


def spacing_of(pairs: PairBatch) -> Floats:
    """(3,) mm between slices, rows and columns of one volume; NaN where unknown."""
    between = float(pairs.facets["slice_mm"].iloc[0] or "nan")
    return np.array([between, *pairs.spacing_mm[0]], float)


def directions_of(pairs: PairBatch) -> Floats:
    """(3, 3) unit vectors of columns, rows and slices of one volume, see `factory.orientation`."""
    facets = pairs.facets
    return directions(str(facets["orientation"].iloc[0]) if "orientation" in facets else "")


def affine_of(pairs: PairBatch) -> Floats:
    """(4, 4) from voxels (column, row, slice) of one volume to mm: to the right, front and head.

    What is unknown is 1 mm, and axial.
    """
    affine, spacing = np.eye(4), spacing_of(pairs)[::-1]
    affine[:3, :3] = directions_of(pairs).T * np.where(np.isfinite(spacing), spacing, 1.0)
    return affine


def save_volume(voxels: Voxels, path: Path, pairs: PairBatch, told: str) -> None:
    """Writes slices (K, H, W) as (W, H, K) voxels with their affine.

    Args:
        voxels: grey levels or class indices.
        path: ends with .nii or .nii.gz.
        pairs: slices of the volume, for its spacing and orientation.
        told: what the file says of itself; of its header's 80 bytes the last stays 0.
    """
    array = np.ascontiguousarray(voxels.transpose(2, 1, 0))
    volume = nibabel.Nifti1Image(array, affine_of(pairs))
    volume.header.set_xyzt_units("mm" if np.isfinite(spacing_of(pairs)).all() else "unknown")
    volume.header["descrip"] = told.encode("ascii", "replace")[:79]
    nibabel.save(volume, path)


def write_volumes(part: Part) -> Iterator[int]:
    """Writes images/, masks/, classes.json and metadata.csv with a row and two files per volume.

    Yields:
        The number of slices written since the last time.
    """
    for name in ("images", "masks"):
        (part.place / name).mkdir(parents=True)
    classes = {str(index): name for index, name in part.classes.items()}
    (part.place / "classes.json").write_text(json.dumps(classes, indent=1), encoding="utf-8")
    told = f"Synthetic, snapshot {part.snapshot.id}, {part.snapshot.name}"
    with (part.place / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        table.writeheader()
        for name, pairs in whole_volumes(part):
            row = _row(name, pairs, part)
            for key, voxels in (("image", pairs.images[..., 0]), ("mask", pairs.masks)):
                save_volume(voxels, part.place / str(row[key]), pairs, told)
            table.writerow(row)
            yield len(pairs)


def _row(name: str, pairs: PairBatch, part: Part) -> Mapping[str, object]:
    """What the table says of a volume; the prompts of its slices stay in the data set."""
    facets, classes = pairs.facets.iloc[0], part.classes
    return {
        **{key: facets[key] for key in ("modality", "anatomy", "finding", "text", "domain")},
        "image": f"images/{name}{ENDING}",
        "mask": f"masks/{name}{ENDING}",
        "split": "train",
        "labels": ";".join(classes[index] for index in np.unique(pairs.masks) if index),
        "seed": int(name, 16),
        "data_set": part.snapshot.name,
        "snapshot": part.snapshot.id,
        "synthetic": "true",
        "licence": part.told.licence,
    }
