"""What evaluation reads: pairs from anywhere, as long as they have these five attributes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError

Images = NDArray[np.uint8]  # (N, H, W, C), C is 1 or 3
Masks = NDArray[np.uint8]  # (N, H, W), class indices, 0 = background


@runtime_checkable
class Pairs(Protocol):
    """Image-mask pairs of one size, from a store, a folder or memory.

    Attributes:
        images: (N, H, W, C) uint8, C = 1 (grey) or 3 (RGB).
        masks: (N, H, W) uint8 class indices of the pair's own domain, 0 = background.
        facets: N rows. Read where present: domain, patient, name, finding, labels.
        spacing_mm: (N, 2) pixel spacing (row, column) in mm, NaN where unknown.
        has_mask: (N,) bool; False where the mask is absent, as opposed to empty.
    """

    @property
    def images(self) -> Images: ...
    @property
    def masks(self) -> Masks: ...
    @property
    def facets(self) -> pd.DataFrame: ...
    @property
    def spacing_mm(self) -> NDArray[np.float32]: ...
    @property
    def has_mask(self) -> NDArray[np.bool_]: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Block:
    """Some of the pairs of a larger set, in memory; attributes as in `Pairs`."""

    images: Images
    masks: Masks
    facets: pd.DataFrame
    spacing_mm: NDArray[np.float32]
    has_mask: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)


def take(pairs: Pairs, index: NDArray[Any]) -> Block:
    """The pairs at an integer or boolean index, with facet rows numbered from 0."""
    at = np.arange(len(pairs))[np.asarray(index)]
    return Block(
        pairs.images[at],
        pairs.masks[at],
        pairs.facets.iloc[at].reset_index(drop=True),
        pairs.spacing_mm[at],
        pairs.has_mask[at],
    )


def with_masks(pairs: Pairs) -> Block:
    """The pairs whose mask is not absent (it may be empty)."""
    return take(pairs, np.asarray(pairs.has_mask, bool))


def domain_of(pairs: Pairs) -> NDArray[np.object_]:
    """(N,) domain names; "" where the facets tell none."""
    return column(pairs, "domain")


def by_domain(pairs: Pairs) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Each domain's name with the indices of its pairs, in order of name."""
    names = domain_of(pairs)
    for name in sorted(set(names)):
        yield str(name), np.flatnonzero(names == name)


def real_part(pairs: Pairs, domain: str, what: str) -> Block:
    """The real pairs of a domain; `what` they are for is told where there are none.

    Raises:
        InputError: if there are none.
    """
    part = take(pairs, domain_of(pairs) == domain)
    if not len(part):
        raise InputError(f"domain {domain!r} has no real {what} pairs to be scored against")
    return part


def units_of(pairs: Pairs) -> NDArray[np.intp]:
    """(N,) number of the independent unit each pair belongs to: its patient.

    A pair without a patient (blank, or no such column: synthetic pairs) is its own unit, but slices
    of one volume are one together.
    """
    patients, volumes = column(pairs, "patient"), column(pairs, "volume")
    # The volume named 2 is not the second row.
    alone = [f"\0volume {name}" if name else f"\0row {row}" for row, name in enumerate(volumes)]
    named = np.where(patients == "", np.array(alone, object), patients)
    return np.unique(named.astype(str), return_inverse=True)[1]


def column(pairs: Pairs, name: str) -> NDArray[np.object_]:
    """(N,) texts of a facet; "" for every pair where the facets have no such column."""
    if name not in pairs.facets:
        return np.full(len(pairs), "", object)
    values = pairs.facets[name]
    return np.where(values.isna(), "", values.astype(str)).astype(object)
