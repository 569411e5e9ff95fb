"""Regions of the VGG Image Annotator: one JSON file of many images, an export or a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from factory.layouts.annotations.images import NamedImages, absent, split_in, with_patients
from factory.layouts.layout import Found, FoundMask, FoundRow, paths_of, some, unlabelled
from factory.layouts.listing import Listing
from factory.sources.mask_parts.annotations import read_annotations, told_as_mistakes
from factory.sources.mask_parts.via import UNNAMED, is_via, via_images, via_labels, with_area

STRUCTURE = "structure"  # what regions without a name show
PARTING = ";#"  # in a cell of the table these part one mask from another


def find_via(listing: Listing) -> Found | None:
    """The images of every such file; None where there is none."""
    told = {path: read_annotations(listing.folder / path) for path in listing.ending(".json")}
    told = {path: content for path, content in told.items() if is_via(content)}
    if not told:
        return None
    found, labels, notes, images = list[FoundRow](), set[str](), list[str](), NamedImages(listing)
    for path, content in told.items():
        with told_as_mistakes(str(path)):
            found.extend(_rows(path, content, images))
            labels |= via_labels(content)
            notes.extend(_bare(path, content))
    rows = [row for row in found if row.image]
    lost = [row.masks[0].key for row in found if not row.image]
    return Found(
        "regions of the VGG Image Annotator",
        with_patients(rows),
        labels=tuple(sorted(labels - {UNNAMED})) or (STRUCTURE,),
        named=labels != {UNNAMED},
        notes=(*absent(lost), *unlabelled(listing, paths_of(rows)), *notes),
    )


def _rows(
    path: PurePosixPath, content: Mapping[str, Any], images: NamedImages
) -> Iterator[FoundRow]:
    """The rows of a file; an image that is not there, or cannot be named, is called ""."""
    for key, each in via_images(content).items():
        plain = not any(mark in key for mark in PARTING)
        image = images.find(path, str(each["filename"])) if plain else ""
        yield FoundRow(image, (FoundMask(str(path), key),), split_in(path))


def _bare(path: PurePosixPath, content: Mapping[str, Any]) -> Iterator[str]:
    images = via_images(content).values()
    if bare := [str(each["filename"]) for each in images if not with_area(each)]:
        yield (
            f"{len(bare)} images of {path} have no region, and are taken for images that show "
            f"nothing of what is drawn: {some(bare)}"
        )
