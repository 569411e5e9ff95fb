"""Slices put together: the volumes that pairs are slices of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.pairs import Images, Masks, Pairs, column, domain_of, units_of

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of one volume, from the lowest up.

    Attributes:
        name: of the volume.
        rows: (K,) of the pairs.
        images: (K, H, W, C) uint8.
        masks: (K, H, W) uint8 class indices.
        spacing_mm: (3,) between slices, rows and columns; NaN where unknown.
        unit: number of its patient.
    """

    name: str
    rows: Rows
    images: Images
    masks: Masks
    spacing_mm: NDArray[np.float64]
    unit: int

    def __len__(self) -> int:
        return len(self.rows)


def stacks_of(pairs: Pairs) -> list[Stack]:
    """Every volume of some pairs, in the order of its first slice; flat images are left out.

    Volumes of one name are several where they are of several patients or domains: "scan" and "1" are
    names that many patients' volumes have.
    """
    names, units = column(pairs, "volume"), units_of(pairs)
    volumes = pd.DataFrame({"domain": domain_of(pairs), "unit": units, "name": names})
    numbers = _floats(pairs, "slice")
    between = _floats(pairs, "slice_mm")
    found = []
    grouped = volumes[names != ""].groupby(list(volumes), sort=False)
    for (_, unit, name), part in grouped:
        rows = part.index.to_numpy(np.intp)
        rows = rows[np.argsort(numbers[rows], kind="stable")]
        spacing = np.array([between[rows[0]], *pairs.spacing_mm[rows[0]]], float)
        found.append(
            Stack(str(name), rows, pairs.images[rows], pairs.masks[rows], spacing, int(unit))
        )
    return found


def in_volumes(pairs: Pairs) -> NDArray[np.bool_]:
    """(N,) whether each pair is a slice of a volume."""
    return np.asarray(column(pairs, "volume") != "", bool)


def _floats(pairs: Pairs, name: str) -> NDArray[np.float64]:
    """A facet as numbers; NaN where it says none."""
    return pd.to_numeric(pd.Series(column(pairs, name)), errors="coerce").to_numpy(float)
