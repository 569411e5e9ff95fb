"""Flat pictures: PNG, JPEG, BMP, TIFF and GIF, as viewers show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile, ImageOps

from factory.errors import InputError
from factory.sources.files.deep_colour import deep_pixels, is_deep_colour
from factory.sources.files.formats import open_picture
from factory.sources.files.mask_pixels import check_mask, mask_pixels
from factory.sources.files.stack import Stack

COLOURED = ("RGB", "RGBA", "P", "CMYK", "YCbCr", "LAB", "HSV")
PLAIN = {"1": "L", "LA": "L", "La": "L"} | dict.fromkeys(COLOURED, "RGB")
MOST_PIXELS = 2**31
"""Of all slices of a file: more do not fit in memory, so that whoever made them made a trap."""


def read_picture(path: Path, name: str, *, is_mask: bool) -> Stack:
    """The pages of a flat picture: one, or as many slices as a TIFF file has.

    Args:
        path: the file.
        name: what to call it in an error.
        is_mask: whether its values are indices, which are kept, and not colours.

    Raises:
        InputError: where the file does not say what its values are.
        OSError: and others of Pillow's, where it cannot be decoded.
    """
    # By its handle: of a TIFF opened by name, Pillow maps bytes by the size after it is turned.
    with path.open("rb") as file, open_picture(file) as picture:
        pages = list(_pages(picture, name))
        pixels = [_page(picture, path, number, name, is_mask=is_mask) for number in pages]
    if len({(page.shape, page.dtype) for page in pixels}) > 1:
        raise InputError(
            f"{name} has {len(pixels)} pages of different size or depth, so they are no slices of "
            "one volume; save each as a file of its own"
        )
    stack = np.stack(pixels)
    return Stack(stack, (np.nan, np.nan), len(pages) > 1, measured=stack.dtype != np.uint8)


def is_coloured(path: Path) -> bool:
    """Whether a flat picture has colours; raises what Pillow does where it cannot be decoded."""
    with path.open("rb") as file, open_picture(file) as picture:
        return picture.mode in COLOURED and not _is_grey_with_alpha(picture)


def _pages(picture: ImageFile.ImageFile, name: str) -> Iterator[int]:
    """Numbers of the pages that are slices; a smaller copy of a page is none."""
    if picture.format == "GIF" and (frames := getattr(picture, "n_frames", 1)) > 1:
        raise InputError(f"{name} is a film of {frames} frames; save each as a picture of its own")
    count = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
    if count * picture.width * picture.height > MOST_PIXELS:
        raise InputError(
            f"{name} has {count} pages of {picture.width} x {picture.height} pixels, above the "
            f"limit of {MOST_PIXELS}; save fewer of them in a file"
        )
    for number in range(count):
        if count > 1:
            picture.seek(number)
        # The tag NewSubfileType: 1 is a thumbnail, 4 a transparency mask.
        if number == 0 or not _tags(picture).get(254, 0) & 5:
            yield number


def _page(
    picture: ImageFile.ImageFile, path: Path, number: int, name: str, *, is_mask: bool
) -> NDArray[Any]:
    if picture.format == "TIFF":
        picture.seek(number)
    if is_mask:
        check_mask(picture, name)
    if is_deep_colour(picture):
        return deep_pixels(picture, path, name)
    if is_mask:
        return mask_pixels(picture, name)
    mode, white_is_zero = picture.mode, _is_white_zero(picture)
    upright = ImageOps.exif_transpose(picture)
    pixels = np.asarray(upright.convert(PLAIN[mode]) if mode in PLAIN else upright)
    if not white_is_zero:
        return pixels
    return -pixels if pixels.dtype.kind == "f" else ~pixels


def _is_white_zero(picture: ImageFile.ImageFile) -> bool:
    """Whether a TIFF file of more than 8 bits is stored inverted; Pillow sees to the others."""
    return _tags(picture).get(262, 1) == 0 and picture.mode not in ("1", "L", "P")


def _tags(picture: ImageFile.ImageFile) -> Mapping[int, Any]:
    return getattr(picture, "tag_v2", {})


def _is_grey_with_alpha(picture: ImageFile.ImageFile) -> bool:
    return bool(picture.tile) and "LA" in str(picture.tile[0].args)
