"""Annotations in COCO's JSON: polygons and run lengths of many images in one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from factory.layouts.annotations.images import NamedImages, absent, split_in, with_patients
from factory.layouts.layout import Found, FoundMask, FoundRow, paths_of, unlabelled
from factory.layouts.listing import Listing
from factory.sources.mask_parts.annotations import is_coco, read_annotations, told_as_mistakes


def find_coco(listing: Listing) -> Found | None:
    """The images of every such file; None where there is none."""
    told = {path: read_annotations(listing.folder / path) for path in listing.ending(".json")}
    told = {path: content for path, content in told.items() if is_coco(content)}
    if not told:
        return None
    found, labels, images = list[FoundRow](), dict[str, None](), NamedImages(listing)
    for path, content in told.items():
        with told_as_mistakes(str(path)):
            found.extend(_rows(path, content, images))
            labels.update(dict.fromkeys(_used(content)))
    rows = [row for row in found if row.image]
    lost = [row.masks[0].key for row in found if not row.image]
    return Found(
        "COCO annotations",
        with_patients(rows),
        labels=tuple(labels),
        notes=(*absent(lost), *unlabelled(listing, paths_of(rows))),
    )


def _used(content: Mapping[str, Any]) -> Iterator[str]:
    """Names of the categories that something is annotated with, by number."""
    used = {each.get("category_id") for each in content["annotations"]}
    categories = sorted(content["categories"], key=lambda each: each["id"])
    return (str(each["name"]) for each in categories if each["id"] in used)


def _rows(
    path: PurePosixPath, content: Mapping[str, Any], images: NamedImages
) -> Iterator[FoundRow]:
    """The rows of a file; an image that is not there is called ""."""
    for each in content["images"]:
        mask = FoundMask(str(path), str(each["id"]))
        yield FoundRow(images.find(path, str(each["file_name"])), (mask,), split_in(path))
