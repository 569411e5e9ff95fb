"""Masks whose classes are colours: a number for each, and how it is written."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError

FIRST = 1 << 24
"""Added to the 24 bits of a colour: no class index and no grey level is as large."""
WRITTEN = re.compile(r"#[0-9a-fA-F]{6}")


def is_colour(value: float) -> bool:
    """Whether a value of a mask is the number of a colour."""
    return FIRST <= value < 2 * FIRST


def colour_value(text: str) -> int:
    """The value of "#ff0000" in a mask; of a grey, its level: white is 255, as in one channel.

    Args:
        text: red, green and blue in hexadecimal, as in CSS.
    """
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red if red == green == blue else FIRST | red << 16 | green << 8 | blue


def written_value(value: float) -> str:
    """A value of a mask as label maps write it: "3", or "#ff0000" for a colour."""
    return f"#{int(value) - FIRST:06x}" if is_colour(value) else f"{value:g}"


def class_values(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """(K, H, W) of a mask's pixels (K, H, W), or of their colours (K, H, W, 3); black is 0.

    Args:
        pixels: as they were read.
        name: what to call the file in an error.

    Raises:
        InputError: where colours have more than 8 bits a channel.
    """
    if pixels.ndim < 4:
        return pixels
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    if pixels.dtype != np.uint8:
        raise InputError(
            f"{name} is a coloured mask of more than 8 bits a channel; save it with 8 bits, or "
            "write class indices in one channel"
        )
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    grey = (red == green) & (green == blue)
    return np.where(grey, red, FIRST | red << 16 | green << 8 | blue)
