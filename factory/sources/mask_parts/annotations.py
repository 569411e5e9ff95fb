"""Masks in JSON files: COCO's polygons and run lengths, and shapes as LabelMe and VIA write them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from factory.errors import InputError
from factory.garbled import GARBLED
from factory.sources.image_files import read_stack
from factory.sources.mask_parts.drawing import Points, Region, ellipse, polygon, rectangle
from factory.sources.mask_parts.part import MaskPart
from factory.sources.mask_parts.run_lengths import decode_runs
from factory.sources.mask_parts.shapes import Shapes
from factory.sources.mask_parts.via import class_attribute, is_via, via_images, via_regions

MOST_PIXELS = 2**27  # of an image as annotations say it; more is a mistake or a trap
WITHOUT_AREA = ("point", "points", "line", "linestrip")


def read_annotations(path: Path) -> Mapping[str, Any]:
    """The object in a JSON file; {} where it holds anything else, or is none."""
    if not path.is_file():  # a pipe would be waited for
        return {}
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)  # one file holds the masks of many images
def _read(path: Path, changed: int, size: int) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_coco(content: Mapping[str, Any]) -> bool:
    """Whether it has the lists of COCO."""
    return all(isinstance(content.get(n), list) for n in ("images", "annotations", "categories"))


def polygon_list(content: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """The shapes of one image, each with a label and its points; None where there is no list."""
    for name in ("shapes", "objects"):
        if isinstance(shapes := content.get(name), list):
            return shapes
    return None


def labels_of(content: Mapping[str, Any]) -> set[str]:
    """Labels of the shapes that have an area."""
    return {
        str(shape.get("label"))
        for shape in polygon_list(content) or ()
        if shape.get("shape_type") not in WITHOUT_AREA
    }


def read_json_mask(part: MaskPart, name: str, like: Path) -> Shapes:
    """The regions of one image.

    Raises:
        InputError: if the file is neither, does not know the image, or is damaged.
    """
    content = read_annotations(part.path)
    with told_as_mistakes(name):
        if is_coco(content):
            return _coco(content, part.key, name)
        if polygon_list(content) is not None:
            return _polygons(content, name)
        if is_via(content):
            return _via(part, name, like)
    raise InputError(
        f"{name}: holds neither COCO annotations (images, annotations, categories) nor shapes with "
        "points, nor regions of the VGG Image Annotator; export it as one of these"
    )


@contextmanager
def told_as_mistakes(name: str) -> Iterator[None]:
    """Tells what JSON that is shaped otherwise makes the block raise.

    Args:
        name: of the file.

    Raises:
        InputError: in its place.
    """
    try:
        yield
    except InputError:
        raise
    except (*GARBLED, AttributeError, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{name}: an annotation cannot be read ({reason}); correct it") from error


def _size(height: Any, width: Any) -> tuple[int, int]:  # noqa: ANN401  # JSON
    size = (int(height), int(width))
    if min(size) < 1 or size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"an image of {size[1]} x {size[0]} pixels")
    return size


def _coco(content: Mapping[str, Any], key: str, name: str) -> Shapes:
    image = next((each for each in content["images"] if str(each["id"]) == key), None)
    if image is None:
        raise InputError(f"{name} knows no image {key}; correct what stands behind #")
    size = _size(image["height"], image["width"])
    categories = {each["id"]: str(each["name"]) for each in content["categories"]}
    regions = [
        (categories[each["category_id"]], _segmentation(each["segmentation"], size))
        for each in content["annotations"]
        if str(each["image_id"]) == key and each.get("segmentation")
    ]
    # COCO has no order: the small ones would else be hidden by those that they lie within.
    regions.sort(key=lambda region: -int(region[1].sum()))
    return Shapes((1, *size), ((label, inside[None]) for label, inside in regions))


def _segmentation(told: Any, size: tuple[int, int]) -> Region:  # noqa: ANN401  # JSON
    if isinstance(told, Mapping):
        return decode_runs(told["counts"], _size(told["size"][0], told["size"][1]))
    inside = np.zeros(size, bool)
    for flat in told:
        inside |= polygon(np.asarray(flat, float).reshape(-1, 2), size)
    return inside


def _polygons(content: Mapping[str, Any], name: str) -> Shapes:
    height = content.get("imageHeight", content.get("imgHeight"))
    width = content.get("imageWidth", content.get("imgWidth"))
    if height is None or width is None:
        raise InputError(f"{name} does not say imageHeight and imageWidth; add them")
    size = _size(height, width)
    # All at once: a generator would raise where nobody tells what of.
    regions = [*_labelled(polygon_list(content) or (), size)]
    return Shapes((1, *size), ((label, inside[None]) for label, inside in regions))


def _via(part: MaskPart, name: str, like: Path) -> Shapes:
    """The size is that of the image: the file does not tell it."""
    told, key = via_images(read_annotations(part.path)), part.key
    if key not in told:
        raise InputError(f"{name} knows no image {key}; correct what stands behind #")
    count, rows, columns = read_stack(like, like.name).size
    if count > 1:
        raise InputError(f"{like.name} has {count} pages, and {name} does not say which is meant")
    regions = [*via_regions(told[key], _attribute(part.path), (rows, columns))]
    return Shapes((1, rows, columns), ((label, inside[None]) for label, inside in regions))


def _attribute(path: Path) -> str:
    """The attribute that names classes, which takes all regions of the file to tell."""
    status = path.stat()
    return _seen_attribute(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _seen_attribute(path: Path, changed: int, size: int) -> str:
    return class_attribute(_read(path, changed, size))


def _labelled(
    shapes: Sequence[Mapping[str, Any]], size: tuple[int, int]
) -> Iterator[tuple[str, Region]]:
    for shape in shapes:
        kind = shape.get("shape_type", "polygon")
        if kind in WITHOUT_AREA:
            continue
        points = np.asarray(shape.get("points", shape.get("polygon")), float)
        yield str(shape["label"]), _drawn(kind, points, size)


def _drawn(kind: str, points: Points, size: tuple[int, int]) -> Region:
    if kind == "rectangle":
        return rectangle(points, size)
    if kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        return ellipse(tuple(points[0]), (radius, radius), size)
    if kind != "polygon":
        raise ValueError(f"a shape of the type {kind}")
    return polygon(points, size)
