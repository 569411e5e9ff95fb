"""A JSON file of polygons beside each image, as LabelMe writes them."""

from __future__ import annotations

from pathlib import PurePosixPath

from factory.layouts.layout import Found, FoundMask, FoundRow, paths_of, some, unlabelled
from factory.layouts.listing import Listing, bare_name
from factory.layouts.names import guess_patients, split_of, words
from factory.sources.mask_parts.annotations import (
    labels_of,
    polygon_list,
    read_annotations,
    told_as_mistakes,
)


def find_polygons(listing: Listing) -> Found | None:
    """Images with a file of polygons of their name; None where there is no such file."""
    told = {path: read_annotations(listing.folder / path) for path in listing.ending(".json")}
    told = {path: content for path, content in told.items() if polygon_list(content) is not None}
    if not told:
        return None
    images = {bare_name(path).lower(): path for path in listing.images}
    by_name = {path: images.get(path.stem.lower()) for path in told}
    pairs = [(path, image) for path, image in by_name.items() if image is not None]
    lost = [str(path) for path, image in by_name.items() if image is None]
    notes = [f"{len(lost)} files of polygons have no image: {some(lost)}"] if lost else []
    patients = guess_patients([bare_name(image) for _, image in pairs])
    rows = [
        FoundRow(str(image), (FoundMask(str(path)),), _split(image), patient)
        for (path, image), patient in zip(pairs, patients, strict=True)
    ]
    labels = set[str]()
    for path, _ in pairs:
        with told_as_mistakes(str(path)):
            labels |= labels_of(told[path])
    return Found(
        "polygons in a JSON file per image",
        tuple(rows),
        labels=tuple(sorted(labels)),
        notes=(*notes, *unlabelled(listing, paths_of(rows))),
    )


def _split(path: PurePosixPath) -> str:
    return split_of(word for part in path.parts[:-1] for word in words(part))
