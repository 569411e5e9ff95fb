"""What keeps slices from being whole volumes: a line each, before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.pairs import PairBatch, volumes_of

MOST_ANISOTROPIC = 10.0
"""Millimetres between slices for one between pixels; beyond it neighbours share next to nothing."""
SAME = 1e-3  # relative difference of spacings that rounding explains
NAMED = 3  # of what shares a fault


def stack_faults(pairs: PairBatch) -> Iterator[str]:
    """One line for each volume that is no stack, and one for all flat images.

    Args:
        pairs: N slices with the facets volume, slice and slice_mm.
    """
    flat = pairs.facets.loc[pairs.facets["volume"].astype(str) == "", "name"].astype(str)
    if len(flat):
        yield (
            f"{len(flat)} images are of no volume ({_some(flat)}), and whole volumes are asked for: "
            "leave them out, or say grid.unit: pair"
        )
    for name, rows in volumes_of(pairs.facets).items():
        numbers = pairs.facets["slice"].iloc[rows].to_numpy(int)
        spacings = np.column_stack([pairs.facets["slice_mm"].iloc[rows], pairs.spacing_mm[rows]])
        for fault in (*_order_faults(numbers), *_spacing_faults(spacings.astype(float))):
            yield f"volume {name} {fault}"


def _order_faults(numbers: NDArray[np.int_]) -> Iterator[str]:
    """Of the numbers of a volume's slices, as listed."""
    steps = np.diff(numbers)
    if (numbers < 0).any():
        yield "has slices without a number, so nobody knows which lie side by side; number them"
    elif len(numbers) == 1:
        yield (
            f"has one slice only, number {numbers[0]}, which is no volume; leave it out, or say "
            "slices: all if it has others without a class"
        )
    elif (steps <= 0).any():
        at = int(np.argmax(steps <= 0))
        yield (
            f"lists slice {numbers[at + 1]} after slice {numbers[at]}, out of order or twice; list "
            "every slice once, from the lowest up"
        )
    elif (steps > 1).any():
        at = int(np.argmax(steps > 1))
        yield (
            f"lacks slice {numbers[at] + 1}, between {numbers[at]} and {numbers[at + 1]}, so its "
            "neighbours are none; add it, or say slices: all if it shows no class"
        )


def _spacing_faults(spacings: NDArray[np.float64]) -> Iterator[str]:
    """Of (K, 3) mm between slices, rows and columns; what is unknown is no fault."""
    low, high = spacings.min(0), spacings.max(0)
    if (high > low * (1 + SAME)).any():
        said = " and ".join(" x ".join(f"{value:.3g}" for value in each) for each in (low, high))
        yield f"has slices of mixed spacing, from {said} mm; resample it to one grid"
    elif (ratio := high[0] / high[1:].min()) > MOST_ANISOTROPIC:
        yield (
            f"is {ratio:.3g} times as coarse from slice to slice as within them, above "
            f"{MOST_ANISOTROPIC:g}: neighbours share too little to be one volume; resample it, or "
            "say grid.unit: pair"
        )


def _some(names: pd.Series) -> str:
    more = ", …" if len(names) > NAMED else ""
    return ", ".join(names.iloc[:NAMED]) + more
