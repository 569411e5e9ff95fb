"""A pair as pictures for a page: image, mask, and the mask over the image as shapes with numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from evaluation.report.gallery import class_colour, outlines
from factory.pairs import Images, Masks

MARK = 0.11  # height of a class's number, share of the image
SMALLEST = 3.0  # pixels around a number; where there is less room, none is written


@dataclass(frozen=True)
class Swatch:
    """A class in a legend: its number in masks, name, colour, and whether a mask shows it."""

    index: int
    name: str
    colour: str
    shown: bool


def legend(classes: Sequence[str], masks: Sequence[Masks]) -> tuple[Swatch, ...]:
    """The classes of a domain, and which of them some masks show."""
    seen = {int(index) for mask in masks for index in np.unique(mask)}
    return tuple(
        Swatch(index, name, class_colour(index), index in seen)
        for index, name in enumerate(classes, start=1)
    )


def picture_uri(pixels: Images | Masks) -> str:
    """An image (H, W, C), C up to 4, or a mask (H, W) as the data URI of a PNG of these values."""
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def tiles(image: Images, mask: Masks, classes: Sequence[str], name: str) -> str:
    """Three figures in HTML: image, mask, and overlay, whose opacity is the variable --opacity.

    Args:
        image: (H, W, C).
        mask: (H, W) class indices.
        classes: names of class 1, 2, …
        name: of the pair, for those who do not see it.
    """
    uri, shapes = picture_uri(image), mask_shapes(mask, classes)
    shown = ", ".join(each.name for each in outlines(mask, classes)) or "no class"
    seen = f'<img src="{uri}" alt="Image of pair {escape(name)}">'
    over = f'<img src="{uri}" alt="">{shapes}'
    figures = (
        ("image", seen),
        ("mask", _labelled(shapes, f"Mask of pair {name}: {shown}")),
        ("overlay", _labelled(over, f"Mask over image of pair {name}: {shown}")),
    )
    return "".join(
        f'<figure class="tile {kind}">{inner}<figcaption>{kind}</figcaption></figure>'
        for kind, inner in figures
    )


def mask_shapes(mask: Masks, classes: Sequence[str]) -> str:
    """A mask as an SVG in pixels: its classes in colour, their outlines, and numbers where they fit."""
    height, width = mask.shape
    size = f'width="{width}" height="{height}"'
    lines = (f'<path d="{each.path}" stroke="{each.colour}"/>' for each in outlines(mask, classes))
    numbers = (_number(mask == index, int(index)) for index in np.unique(mask[mask > 0]))
    drawn = [f'<image href="{picture_uri(coloured(mask))}" {size}/>', *lines, *numbers]
    return f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{"".join(drawn)}</svg>'


def coloured(mask: Masks) -> Images:
    """(H, W, 4) the colour of each pixel's class; the background is transparent."""
    indices = np.unique(mask[mask > 0])
    shown = np.zeros((*mask.shape, 4), np.uint8)
    for index in map(int, indices):
        shown[mask == index] = (*bytes.fromhex(class_colour(index).removeprefix("#")), 255)
    return shown


def _number(region: NDArray[np.bool_], index: int) -> str:
    """The class's number where its region is widest: colours are not for every eye."""
    room = np.asarray(distance_transform_edt(np.pad(region, 1)), float)[1:-1, 1:-1]
    row, column = np.unravel_index(int(room.argmax()), room.shape)
    if room[row, column] < SMALLEST:
        return ""
    size = MARK * region.shape[0]
    place = f'x="{column + 0.5:g}" y="{row + 0.5:g}" font-size="{size:.3g}"'
    return f'<text {place} stroke-width="{size / 5:.3g}">{index}</text>'


def _labelled(inner: str, words: str) -> str:
    return f'<div class="picture" role="img" aria-label="{escape(words)}">{inner}</div>'
