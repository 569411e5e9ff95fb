"""Class indices that were stored as fractions, made whole where only rounding parted them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-3  # what arithmetic in 32 bits leaves
MOST = 0.25  # a value nearer to the middle of two classes is of neither


def whole_labels(values: NDArray[Any], step: float = 0.0) -> NDArray[Any]:
    """The values, those next to a whole number replaced by it; others stay what they are.

    Args:
        values: of a mask, any shape and type.
        step: between two values that the file can hold, 0 where it holds any: a whole number was
            rounded to one of them, so it is off by half a step at most.
    """
    if values.dtype.kind != "f":
        return values
    near = np.round(values)
    off = min(max(LEAST, step / 2 * 1.01), MOST)
    return np.where(np.abs(values - near) <= off, near, values)
