"""Annotations in COCO's JSON: polygons and run lengths of many images in one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from factory.layouts.layout import Found, FoundMask, FoundRow, some
from factory.layouts.listing import Listing, bare_name
from factory.layouts.names import guess_patients, split_of, words
from factory.sources.mask_parts.annotations import is_coco, read_annotations, told_as_mistakes


def find_coco(listing: Listing) -> Found | None:
    """The images of every such file; None where there is none."""
    told = {path: read_annotations(listing.folder / path) for path in listing.ending(".json")}
    told = {path: content for path, content in told.items() if is_coco(content)}
    if not told:
        return None
    found, labels = list[FoundRow](), dict[str, None]()
    for path, content in told.items():
        with told_as_mistakes(str(path)):
            found.extend(_rows(path, content, listing))
            labels.update(dict.fromkeys(_used(content)))
    rows = [row for row in found if row.image]
    lost = [row.masks[0].key for row in found if not row.image]
    notes = [f"{len(lost)} listed images are not there and left out: {some(lost)}"] if lost else []
    patients = guess_patients([bare_name(PurePosixPath(row.image)) for row in rows])
    return Found(
        "COCO annotations",
        tuple(
            FoundRow(row.image, row.masks, row.split, patient)
            for row, patient in zip(rows, patients, strict=True)
        ),
        labels=tuple(labels),
        notes=tuple(notes),
    )


def _used(content: Mapping[str, Any]) -> Iterator[str]:
    """Names of the categories that something is annotated with, by number."""
    used = {each.get("category_id") for each in content["annotations"]}
    categories = sorted(content["categories"], key=lambda each: each["id"])
    return (str(each["name"]) for each in categories if each["id"] in used)


def _rows(path: PurePosixPath, content: Mapping[str, Any], listing: Listing) -> Iterator[FoundRow]:
    """The rows of a file; an image that is not there is called ""."""
    by_name = Counter(image.name for image in listing.images)
    alone = {image.name: image for image in listing.images if by_name[image.name] == 1}
    split = split_of(word for part in path.parts for word in words(part))
    there = set(listing.images)
    for each in content["images"]:
        name = PurePosixPath(str(each["file_name"]))
        near = [path.parent / name, name, PurePosixPath("images") / name]
        image = next((place for place in near if place in there), alone.get(name.name))
        mask = FoundMask(str(path), str(each["id"]))
        yield FoundRow("" if image is None else str(image), (mask,), split)
