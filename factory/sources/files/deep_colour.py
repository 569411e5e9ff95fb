"""Pictures of several channels with 16 bits each, of which Pillow gives the upper eight alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile, ImageOps

from factory.errors import InputError
from factory.sources.files.formats import open_picture

# Layout in the file -> the one of the other byte order, under which Pillow gives the lower halves.
OTHER = "B" if sys.byteorder == "little" else "L"
LOWER = {
    f"{kind};16{order}": f"{kind};16{other}"
    for kind in ("RGB", "RGBX", "RGBA")
    for order, other in (("L", "B"), ("B", "L"), ("N", OTHER))
}
GREY_ALPHA = "LA;16B"


def is_deep_colour(picture: ImageFile.ImageFile) -> bool:
    """Whether the picture has several channels of 16 bits."""
    return len(picture.getbands()) > 1 and ";16" in _layout(picture)


def deep_pixels(picture: ImageFile.ImageFile, path: Path, name: str) -> NDArray[np.uint16]:
    """(H, W, 3), or (H, W) of grey with alpha, turned as viewers do; alpha is dropped.

    Args:
        picture: at the page that is meant.
        path: the file, which is opened anew.
        name: what to call it in an error.

    Raises:
        InputError: where the channels are stored in a way that only their upper halves are read.
    """
    layout, page = _layout(picture), picture.tell()
    if layout == GREY_ALPHA:
        # Four bytes a pixel, read as if they were four channels: grey, its lower half, alpha.
        halves = _decoded(path, page, "RGBA")
        return _joined(halves[..., 0], halves[..., 1])
    if layout not in LOWER:
        raise InputError(
            f"{name} has 16 bits a channel, stored as {layout}, of which only 8 can be read; save it "
            "with 8 bits a channel, or in one grey channel"
        )
    upper, lower = (_decoded(path, page, each)[..., :3] for each in (layout, LOWER[layout]))
    return _joined(upper, lower)


def _joined(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.stack([lower, upper], axis=-1).view("<u2")[..., 0].astype(np.uint16)


def _decoded(path: Path, page: int, layout: str) -> NDArray[np.uint8]:
    """The picture's bytes as Pillow puts them into 8-bit channels under this layout."""
    with path.open("rb") as file, open_picture(file) as picture:
        if page:
            picture.seek(page)
        picture.tile = [tile._replace(args=_with(layout, tile.args)) for tile in picture.tile]
        return np.asarray(ImageOps.exif_transpose(picture))


def _layout(picture: ImageFile.ImageFile) -> str:
    """How the bytes of a picture lie that is not decoded yet, in Pillow's words."""
    args = picture.tile[0].args if picture.tile else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _with(layout: str, args: Any) -> Any:  # noqa: ANN401  # a decoder's arguments
    return (layout, *args[1:]) if isinstance(args, tuple) else layout
