"""COCO's instances: pictures, and every class of a mask as a polygon or as run lengths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.measure import find_contours

from factory.exports.by_domain import Part
from factory.pairs import Masks

Region = NDArray[np.bool_]  # (H, W)
CENTRE = 0.5  # COCO's coordinates begin at the corner of a pixel, scikit-image's at its centre


def write_coco(part: Part) -> Iterator[int]:
    """Writes images/ and annotations.json: an annotation for each class that a mask shows.

    A region in one piece without holes is a polygon, any other is run lengths, uncompressed. A
    picture's id is its row, a category's the value in the mask.

    Yields:
        The number of pairs written since the last time.
    """
    (part.place / "images").mkdir(parents=True)
    pictures: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for pairs in part.blocks():
        for at, facets in enumerate(pairs.facets.to_dict("records")):
            row, mask = int(facets["row"]), pairs.masks[at]
            name = f"{row:06d}.png"
            part.save_png(pairs.images[at], part.place / "images" / name)
            size = {"height": mask.shape[0], "width": mask.shape[1]}
            told = {"finding": facets["finding"], "text": facets["text"]}
            pictures.append({"id": row, "file_name": f"images/{name}", **size, **told})
            annotations.extend(_annotations(mask, row, len(annotations) + 1))
        yield len(pairs)
    text = json.dumps(_described(part) | {"images": pictures, "annotations": annotations})
    (part.place / "annotations.json").write_text(text, encoding="utf-8")


def _described(part: Part) -> dict[str, object]:
    named = part.classes.items()
    return {
        "info": {"description": part.origin, "contributor": part.software, "synthetic": True},
        "licenses": [{"id": 1, "name": part.told.licence, "url": ""}],
        "categories": [{"id": index, "name": name} for index, name in named if index],
    }


def _annotations(mask: Masks, image: int, first: int) -> Iterator[dict[str, object]]:
    values = [int(value) for value in np.unique(mask) if value]
    for number, value in enumerate(values, start=first):
        inside = mask == value
        rows, columns = np.nonzero(inside)
        top, left = int(rows.min()), int(columns.min())
        yield {
            "id": number,
            "image_id": image,
            "category_id": value,
            "segmentation": segmentation(inside),
            "area": len(rows),
            "bbox": [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1],
            "iscrowd": 0,
        }


def segmentation(inside: Region) -> list[list[float]] | dict[str, list[int]]:
    """A region as COCO writes it, nothing lost: one polygon where that is enough.

    Args:
        inside: (H, W), not empty.

    Returns:
        [[x1, y1, x2, y2, ...]], or {"counts": runs down the columns, "size": [H, W]}.
    """
    contours = [contour - 1 for contour in find_contours(np.pad(inside, 1).astype(float), 0.5)]
    if len(contours) == 1 and np.array_equal(polygon2mask(inside.shape, contours[0]), inside):
        return [[float(value) for value in (contours[0][:-1, ::-1] + CENTRE).ravel()]]
    return {"counts": run_lengths(inside), "size": list(inside.shape)}


def run_lengths(inside: Region) -> list[int]:
    """How many pixels down the columns lie outside, inside, outside, ...; the first may be none."""
    pixels = inside.T.ravel()
    turns = np.flatnonzero(np.diff(pixels)) + 1
    runs: Sequence[int] = np.diff([0, *turns, pixels.size]).tolist()
    return [0, *runs] if pixels[0] else [*runs]
