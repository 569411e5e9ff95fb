"""Regions as the VGG Image Annotator (VIA, versions 1 and 2) writes them: many images in one file.

Source: Dutta & Zisserman 2019, The VIA annotation software for images, audio and video, ACM MM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from factory.sources.mask_parts.drawing import Region, ellipse, polygon, rectangle

PROJECT = "_via_img_metadata"  # of a project file; an export of annotations is this alone
WITHOUT_AREA = ("point", "polyline", "line")
UNNAMED = ""
"""Label of a region without any attribute: of the only class there is."""


def is_via(content: Mapping[str, Any]) -> bool:
    """Whether it lists images with their regions."""
    told = content.get(PROJECT, content)
    entries = list(told.values()) if isinstance(told, Mapping) else []
    return bool(entries) and all(
        isinstance(each, Mapping) and "filename" in each and "regions" in each for each in entries
    )


def via_images(content: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What is told of each image, by VIA's own identifier: name and bytes of the file."""
    told: Mapping[str, Mapping[str, Any]] = content.get(PROJECT, content)
    return told


def with_area(image: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The regions of an image that have an area, in the order of the file."""
    told = image["regions"]  # a list, or as in version 1 numbered from "0"
    regions = list(told.values()) if isinstance(told, Mapping) else told
    return [each for each in regions if each["shape_attributes"]["name"] not in WITHOUT_AREA]


def class_attribute(content: Mapping[str, Any]) -> str:
    """The attribute that names classes: the one that most regions fill; "" where none does."""
    filled = Counter(
        name
        for image in via_images(content).values()
        for region in with_area(image)
        for name in _attributes(region)
        if _chosen(region, name)
    )
    return filled.most_common(1)[0][0] if filled else UNNAMED


def via_labels(content: Mapping[str, Any]) -> set[str]:
    """Labels of all regions that have an area."""
    attribute = class_attribute(content)
    images = via_images(content).values()
    return {_chosen(region, attribute) for image in images for region in with_area(image)}


def via_regions(
    image: Mapping[str, Any], attribute: str, size: tuple[int, int]
) -> Iterator[tuple[str, Region]]:
    """Label and pixels (H, W) of each region of an image.

    Args:
        image: as the file tells it.
        attribute: whose value is the label.
        size: height and width.

    Raises:
        ValueError: if a region is of an unknown shape, or of several classes.
    """
    for region in with_area(image):
        yield _chosen(region, attribute), _drawn(region["shape_attributes"], size)


def _attributes(region: Mapping[str, Any]) -> Mapping[str, Any]:
    told = region.get("region_attributes")
    return told if isinstance(told, Mapping) else {}


def _chosen(region: Mapping[str, Any], attribute: str) -> str:
    """The value of an attribute; of boxes to tick, the one that is ticked."""
    value = _attributes(region).get(attribute, UNNAMED)
    if not isinstance(value, Mapping):
        return " ".join(str(value).split())
    ticked = [name for name, on in value.items() if on]
    if len(ticked) > 1:
        raise ValueError(f"a region of several classes: {', '.join(ticked)}")
    return ticked[0] if ticked else UNNAMED


def _drawn(shape: Mapping[str, Any], size: tuple[int, int]) -> Region:
    kind = shape["name"]
    if kind in ("polygon", "polyshape"):
        points = np.stack([shape["all_points_x"], shape["all_points_y"]], axis=-1)
        return polygon(points.astype(float), size)
    if kind == "rect":
        corner = np.array([shape["x"], shape["y"]], float)
        across = np.array([shape["width"], shape["height"]], float)
        return rectangle(np.stack([corner, corner + across]), size)
    if kind == "circle":
        return ellipse((shape["cx"], shape["cy"]), (shape["r"], shape["r"]), size)
    if kind == "ellipse":
        radii, turned = (shape["rx"], shape["ry"]), float(shape.get("theta", 0.0))
        return ellipse((shape["cx"], shape["cy"]), radii, size, turned)
    raise ValueError(f"a shape of the type {kind}")
