"""Flat pictures whose values are class indices: kept as they were drawn, or refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from factory.errors import InputError
from factory.sources.files.whole_labels import whole_labels

LOSSY = ("JPEG", "MPO", "JPEG2000", "WEBP", "AVIF")
# A mask's palette only colours its indices, but for a GIF, whose indices an encoder made up.
PLAIN = {"LA": "L", "La": "L", "PA": "P"} | dict.fromkeys(("RGBA", "CMYK", "YCbCr"), "RGB")


def check_mask(picture: ImageFile.ImageFile, name: str) -> None:
    """Refuses a picture that cannot hold indices as they were drawn.

    Raises:
        InputError: where it was compressed with loss, or stored inverted.
    """
    if picture.format in LOSSY or "jpeg" in str(picture.info.get("compression", "")):
        raise InputError(
            f"{name} is a mask compressed with loss (JPEG), which draws other classes along every "
            "edge; export it as PNG from where it was drawn, or set its values to whole classes "
            "yourself and save those as PNG"
        )
    if getattr(picture, "tag_v2", {}).get(262, 1) == 0:
        raise InputError(
            f"{name} is a mask stored with white as zero (TIFF photometric interpretation 0), so "
            "which values its classes have is unclear; save it with black as zero, or as PNG"
        )


def mask_pixels(picture: ImageFile.ImageFile, name: str) -> NDArray[Any]:
    """The indices (H, W), or (H, W, 3) of a mask in colour.

    Raises:
        InputError: where only transparency marks anything.
    """
    bits = re.search(r"^L;([24])", str(picture.tile[0].args) if picture.tile else "")
    upright = ImageOps.exif_transpose(picture)
    _check_alpha(upright, name)
    made_up = picture.format == "GIF" and upright.mode == "P"
    plain = "RGB" if made_up else PLAIN.get(upright.mode, upright.mode)
    pixels = np.asarray(upright if plain == upright.mode else upright.convert(plain))
    if bits is None:
        return pixels.astype(np.uint8) if pixels.dtype == bool else whole_labels(pixels)
    # Pillow stretches grey levels of 2 and 4 bits to 0..255.
    return pixels // (255 // (2 ** int(bits[1]) - 1))


def _check_alpha(picture: Image.Image, name: str) -> None:
    if "A" not in picture.getbands():
        return
    *levels, alpha = (band.getextrema() for band in picture.split())
    if alpha[0] != alpha[1] and all(low == high for low, high in levels):
        raise InputError(
            f"{name} is a mask of one value whose transparency varies, so its classes are drawn in "
            "transparency; write class indices in one channel"
        )
