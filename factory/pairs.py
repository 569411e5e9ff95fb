"""The currency between the stages: a batch of image-mask pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (N, H, W, C), C is 1 or 3
Masks = NDArray[np.uint8]  # (N, H, W), class indices, 0 = background
Index = slice | Sequence[int] | NDArray[Any]


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Image-mask pairs of one size.

    Attributes:
        images: (N, H, W, C) uint8, C = 1 (grey) or 3 (RGB).
        masks: (N, H, W) uint8 class indices, 0 = background.
        facets: N rows; what is known of each pair (domain, labels, finding, ...).
        spacing_mm: (N, 2) float32 pixel spacing (row, column) in mm, NaN where unknown.
        has_mask: (N,) bool; False where the mask is absent, as opposed to empty.

    Raises:
        ValueError: if shapes or types disagree.
    """

    images: Images
    masks: Masks
    facets: pd.DataFrame
    spacing_mm: NDArray[np.float32]
    has_mask: NDArray[np.bool_]

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.ndim != 4 or self.images.shape[-1] not in (1, 3):
            raise ValueError(f"images have shape {self.images.shape}; expected (N, H, W, 1 or 3)")
        if self.masks.shape != self.images.shape[:3]:
            raise ValueError(f"masks {self.masks.shape} do not fit images {self.images.shape}")
        if self.images.dtype != np.uint8 or self.masks.dtype != np.uint8:
            raise ValueError(
                f"images {self.images.dtype}, masks {self.masks.dtype}: both must be uint8"
            )
        if self.spacing_mm.shape != (count, 2) or self.has_mask.shape != (count,):
            raise ValueError("spacing_mm must be (N, 2) and has_mask (N,)")
        if len(self.facets) != count:
            raise ValueError(f"{len(self.facets)} facet rows for {count} pairs")
        object.__setattr__(self, "facets", self.facets.reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Index) -> PairBatch:
        """The pairs at a slice, integer array or boolean array."""
        at = np.arange(len(self))[index if isinstance(index, slice) else np.asarray(index)]
        return PairBatch(
            self.images[at],
            self.masks[at],
            self.facets.iloc[at],
            self.spacing_mm[at],
            self.has_mask[at],
        )

    @staticmethod
    def of(images: Images, masks: Masks, facets: pd.DataFrame) -> PairBatch:
        """Pairs that all have a mask and whose pixel spacing is unknown."""
        count = len(images)
        spacing = np.full((count, 2), np.nan, np.float32)
        return PairBatch(images, masks, facets, spacing, np.ones(count, bool))

    @staticmethod
    def concatenate(batches: Sequence[PairBatch]) -> PairBatch:
        """One batch of all pairs, in order; at least one batch, all of one image size."""
        return PairBatch(
            np.concatenate([batch.images for batch in batches]),
            np.concatenate([batch.masks for batch in batches]),
            pd.concat([batch.facets for batch in batches], ignore_index=True),
            np.concatenate([batch.spacing_mm for batch in batches]),
            np.concatenate([batch.has_mask for batch in batches]),
        )


def volumes_of(facets: pd.DataFrame) -> dict[str, NDArray[np.intp]]:
    """Name of each volume -> its rows in the order in which they are listed; flat images have none."""
    if "volume" not in facets:
        return {}
    names = facets["volume"].fillna("").astype(str).to_numpy()
    return {str(name): np.flatnonzero(names == name) for name in pd.unique(names) if name}
