"""DICOM: images and series with the segmentations that refer to them, or masks of their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from factory.layouts.dicom.notes import notes_of
from factory.layouts.dicom.patients import facets, with_patients
from factory.layouts.dicom.read import Read, read_dicom
from factory.layouts.layout import Found, FoundMask, FoundRow, some
from factory.layouts.listing import Listing
from factory.layouts.named_file import NamedFile, describe, shared_folders
from factory.layouts.names import split_of, words
from factory.layouts.pairing import pair_files
from factory.sources.dicom.header import Header, is_dicom


def find_dicom(listing: Listing) -> Found | None:
    """Images and series with their masks; None where there is no DICOM file."""
    paths = [path for path in listing.files if is_dicom(listing.folder / path)]
    if not paths:
        return None
    read = read_dicom(listing.folder, paths)
    found = _segmented(read) or _named(read, listing)
    modality, anatomy = facets(found, read)
    return replace(
        with_patients(found, read),
        notes=(*notes_of(read), *found.notes),
        modality=modality,
        anatomy=anatomy,
    )


def _segmented(read: Read) -> Found | None:
    """Images with the segmentations that refer to them; None where none does."""
    masks: dict[str, list[Header]] = defaultdict(list)
    for unit in read.units:
        masks[unit.image] = [mask for mask in read.masks if mask.referenced & unit.uids]
    if not any(masks.values()):
        return None
    used = {mask.path for found in masks.values() for mask in found}
    labels = [seg for mask in read.masks if mask.path in used for seg in mask.segments]
    rows = [
        FoundRow(
            unit.image,
            tuple(FoundMask(read.name(mask)) for mask in masks[unit.image]),
            split_of(word for part in PurePosixPath(unit.image).parts[:-1] for word in words(part)),
        )
        for unit in read.units
        if masks[unit.image]
    ]
    return Found(
        "DICOM with segmentations (SEG)",
        tuple(rows),
        labels=tuple(dict.fromkeys(label for _, label in sorted(labels))),
        notes=tuple(_unused(read, masks, used)),
    )


def _unused(read: Read, masks: Mapping[str, Sequence[Header]], used: set[Path]) -> Iterator[str]:
    bare = [image for image, found in masks.items() if not found]
    if bare:
        yield (
            f"{len(bare)} of {len(masks)} DICOM images have no segmentation (SEG) and are left out: "
            f"{some(bare)}"
        )
    if lonely := [read.name(mask) for mask in read.masks if mask.path not in used]:
        yield (
            f"{len(lonely)} segmentations are of images that are not there, of another study "
            f"perhaps, and left out: {some(lonely)}"
        )


def _named(read: Read, listing: Listing) -> Found:
    """Images with pictures of their names as masks; without rows where there are none."""
    single = [PurePosixPath(unit.image) for unit in read.units if len(unit.headers) == 1]
    paths = [*single, *listing.images]
    skipped, images = shared_folders(paths), set(single)
    files = [_role(describe(path, skipped), path in images) for path in paths]
    found = pair_files([file for file in files if file.mask or file.path in images], "")
    if found is None:
        return Found(
            "DICOM", (), notes=tuple(_unused(read, {u.image: () for u in read.units}, set()))
        )
    return replace(found, layout="DICOM with masks in files of the same names")


def _role(file: NamedFile, is_image: bool) -> NamedFile:
    return replace(file, mask=not is_image)
