"""Images and masks of one size: intensity window, isotropic resize, centred padding."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

# Below this there is no anatomy left to learn, and enlarging invents it.
SMALLEST_SIDE = 16
WINDOW_PERCENTILES = (0.5, 99.5)


class ImageSection(BaseModel):
    """The one size and colour of all images of a recipe.

    Attributes:
        size: side of the square images in pixels, a multiple of 8.
        channels: 1 for grey, 3 for RGB.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=32, le=2048, multiple_of=8)] = 128
    channels: Literal[1, 3] = 1


def fit_scale(height: int, width: int, section: ImageSection) -> float:
    """Factor by which an image of (height, width) pixels is enlarged to fit.

    A pixel of the fitted image spans spacing_mm / fit_scale.
    """
    return section.size / max(height, width)


def fit_image(image: NDArray[np.uint8], section: ImageSection) -> NDArray[np.uint8]:
    """The image on a square canvas: isotropic resize of the longer side, centred zero padding.

    Args:
        image: (H, W), (H, W, 1) or (H, W, 3) uint8. Other depths go through `apply_window` first.
        section: the size and the channels asked for.

    Returns:
        (S, S, C) uint8. Shrinking is antialiased (bicubic with its support widened). RGB
        becomes grey by ITU-R 601 luma; grey becomes RGB by repetition.

    Raises:
        ValueError: if the image is not uint8.
    """
    if image.dtype != np.uint8:
        raise ValueError(f"image is {image.dtype}; bring it to uint8 with apply_window first")
    flat = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    picture = Image.fromarray(np.ascontiguousarray(flat))
    picture = picture.convert("L" if section.channels == 1 else "RGB")
    fitted = np.asarray(_fit(picture, section, Image.Resampling.BICUBIC))
    return fitted.reshape(section.size, section.size, section.channels)


def fit_mask(mask: NDArray[np.uint8], section: ImageSection) -> NDArray[np.uint8]:
    """The mask (H, W) on the same canvas as its image, (S, S); nearest neighbour only.

    Class indices are names, not amounts: any other resampling would invent classes.
    """
    picture = Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8))
    return np.asarray(_fit(picture, section, Image.Resampling.NEAREST)).copy()


def unfit_mask(mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A square mask (S, S) in the size (height, width) of the image that it was made for.

    The way back from `fit_image`: the padding is cut off, the rest resized by nearest neighbour.
    """
    scale = len(mask) / max(height, width)
    rows, columns = (max(1, round(side * scale)) for side in (height, width))
    top, left = (len(mask) - rows) // 2, (len(mask) - columns) // 2
    inner = Image.fromarray(np.ascontiguousarray(mask[top : top + rows, left : left + columns]))
    return np.asarray(inner.resize((width, height), Image.Resampling.NEAREST)).copy()


def robust_window(volume: NDArray[Any]) -> tuple[float, float]:
    """Intensities (low, high) at the 0.5 and 99.5 percentiles of the whole volume's finite voxels.

    Returns:
        low < high always; a constant or empty volume gives (value, value + 1), or the next number
        there is.
    """
    finite = volume[np.isfinite(volume)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, WINDOW_PERCENTILES))
    if high > low:
        return low, high
    # A sparse volume can have both percentiles in its background.
    low, high = float(finite.min()), float(finite.max())
    # Beside a value of 1e17 a difference of one is none.
    return (low, high) if high > low else (low, max(low + 1.0, float(np.nextafter(low, np.inf))))


def apply_window(array: NDArray[Any], window: tuple[float, float]) -> NDArray[np.uint8]:
    """Maps [low, high] linearly to 0..255, clips outside, and takes NaN for low; same shape."""
    low, high = window
    scaled = (array.astype(np.float32) - low) * (255.0 / (high - low))
    return (
        np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
        .clip(0, 255)
        .round()
        .astype(np.uint8)
    )


def _fit(picture: Image.Image, section: ImageSection, resampling: Image.Resampling) -> Image.Image:
    scale = fit_scale(picture.height, picture.width, section)
    width = max(1, round(picture.width * scale))
    height = max(1, round(picture.height * scale))
    canvas = Image.new(picture.mode, (section.size, section.size))
    corner = ((section.size - width) // 2, (section.size - height) // 2)
    canvas.paste(picture.resize((width, height), resampling), corner)
    return canvas
