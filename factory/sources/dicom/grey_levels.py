"""What makes a DICOM image's stored numbers visible: rescaling, windows, inversion, colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset

Window = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Levels:
    """The pixels of one file.

    Attributes:
        pixels: (K, H, W) or (K, H, W, 3): 8 bits as they are, or float32 on the file's own scale,
            NaN where padding is.
        window: values that become black and white; None where the file names none.
    """

    pixels: NDArray[Any]
    window: Window | None = None

    @property
    def measured(self) -> bool:
        """Whether a window makes them visible, and not they themselves are."""
        return self.pixels.dtype != np.uint8


def levels(told: Dataset, stored: NDArray[Any]) -> Levels:
    """The pixels of a file as they are shown.

    Args:
        told: its header.
        stored: (K, H, W) or (K, H, W, 3), RGB where it was YBR.
    """
    if stored.ndim == 4:
        return Levels(_eight_bits(stored, int(told.BitsStored)))
    if told.PhotometricInterpretation == "PALETTE COLOR":
        return Levels(_palette(told, stored))
    shown = _grey(told, stored)
    return _inverted(shown) if told.PhotometricInterpretation == "MONOCHROME1" else shown


def merged(parts: Sequence[Levels]) -> Levels:
    """The slices of a volume, in one window that holds those of all."""
    windows = [part.window for part in parts if part.window is not None]
    window = None
    if len(windows) == len(parts):
        window = min(low for low, _ in windows), max(high for _, high in windows)
    return Levels(np.concatenate([part.pixels for part in parts]), window)


def full_range(shown: Levels) -> Window | None:
    """The window: the file's, else from the smallest to the largest number; None for 8 bits."""
    if shown.window is not None or not shown.measured or not np.isfinite(shown.pixels).any():
        return shown.window
    low, high = float(np.nanmin(shown.pixels)), float(np.nanmax(shown.pixels))
    return low, max(high, low + 1.0)


def _grey(told: Dataset, stored: NDArray[Any]) -> Levels:
    from pydicom.pixels.processing import apply_modality_lut

    window = _window(told)
    values = apply_modality_lut(stored, told)
    if window is None and "VOILUTSequence" in told:
        values, window = _looked_up(told, values)
    if window is None and _is_plain(told, stored):
        return Levels(stored)
    measured = values.astype(np.float32)
    measured[_padding(told, stored)] = np.nan
    return Levels(measured, window)


def _is_plain(told: Dataset, stored: NDArray[Any]) -> bool:
    """Whether the stored numbers are grey levels of 8 bits."""
    rescaled = (
        float(told.get("RescaleSlope") or 1) != 1
        or float(told.get("RescaleIntercept") or 0) != 0
        or "ModalityLUTSequence" in told
    )
    return stored.dtype == np.uint8 and int(told.BitsStored) == 8 and not rescaled


def _window(told: Dataset) -> Window | None:
    """The first of those that the file names."""
    centre, width = _first(told.get("WindowCenter")), _first(told.get("WindowWidth"))
    if centre is None or width is None or width <= 0:
        return None
    # Of the function LINEAR, the default, a width of 1 is a step; the others count from the middle.
    if told.get("VOILUTFunction", "LINEAR") == "LINEAR" and width > 1:
        return centre - width / 2, centre + width / 2 - 1
    return centre - width / 2, centre + width / 2


def _first(value: Any) -> float | None:  # noqa: ANN401  # one number or several
    many = value if isinstance(value, Sequence) or hasattr(value, "__iter__") else [value]
    return next((float(each) for each in many if each is not None), None)


def _looked_up(told: Dataset, values: NDArray[Any]) -> tuple[NDArray[Any], Window]:
    from pydicom.pixels.processing import apply_voi

    bits = int(told.VOILUTSequence[0].LUTDescriptor[2])
    return apply_voi(values, told), (0.0, float(2**bits - 1))


def _padding(told: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_]:
    first = told.get("PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, bool)
    low, high = sorted((int(first), int(told.get("PixelPaddingRangeLimit", first))))
    return (stored >= low) & (stored <= high)


def _inverted(shown: Levels) -> Levels:
    """White where it was black."""
    if not shown.measured:
        return replace(shown, pixels=~shown.pixels)
    window = None if shown.window is None else (-shown.window[1], -shown.window[0])
    return Levels(-shown.pixels, window)


def _palette(told: Dataset, stored: NDArray[Any]) -> NDArray[np.uint8]:
    from pydicom.pixels.processing import apply_color_lut

    coloured = apply_color_lut(stored, told)[..., :3]
    return _eight_bits(coloured, 8 * coloured.dtype.itemsize)


def _eight_bits(pixels: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    return (pixels >> max(0, bits - 8)).astype(np.uint8)
