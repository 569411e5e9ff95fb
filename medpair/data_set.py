"""Pairs in memory: as arrays and a table, and as xarray, torch and MONAI want them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.errors import InputError
from factory.pairs import Images, Masks, PairBatch

if TYPE_CHECKING:
    from medpair.monai_pairs import MonaiPairs
    from medpair.torch_pairs import TorchPairs

DIMENSIONS = ("pair", "row", "column", "channel")


@dataclass(frozen=True, eq=False)
class DataSet:
    """Image-mask pairs, read when they are first looked at.

        >>> import medpair
        >>> pairs = medpair.open("tiny@v1")
        >>> pairs.images.dtype, pairs.masks.max()
        (dtype('uint8'), np.uint8(1))
        >>> pairs.facets["finding"].unique().tolist()
        ['benign']
        >>> pairs.classes
        {'phantom-breast-us': {'background': 0, 'lesion': 1}}

    Attributes:
        name: what it was opened as, or made by.
        classes: domain -> class name -> mask index, the background's 0 included.
        count: of the pairs.
        read: reads them.
    """

    name: str
    classes: Mapping[str, Mapping[str, int]]
    count: int
    read: Callable[[], PairBatch]

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"DataSet({self.name!r}, {self.count} pairs of {', '.join(self.classes)})"

    @cached_property
    def pairs(self) -> PairBatch:
        """All of them."""
        return self.read()

    @property
    def images(self) -> Images:
        """(N, H, W, C) uint8; C is 1 (grey) or 3 (RGB)."""
        return self.pairs.images

    @property
    def masks(self) -> Masks:
        """(N, H, W) uint8 class indices, 0 = background; of a pair without a mask, zeros."""
        return self.pairs.masks

    @property
    def has_mask(self) -> NDArray[np.bool_]:
        """(N,) False where the mask is absent, as opposed to empty."""
        return self.pairs.has_mask

    @property
    def facets(self) -> pd.DataFrame:
        """N rows: domain, finding, labels, prompt, seed and whatever else is known of a pair."""
        return self.pairs.facets

    def to_xarray(self) -> Any:  # noqa: ANN401  # an xarray.Dataset, which may be absent
        """The pairs as an `xarray.Dataset`.

        Returns:
            `image` (pair, row, column, channel) and `mask` (pair, row, column), both uint8, with
            `has_mask` and the facets as coordinates along pair. A facet that has the name of a
            dimension or of an array is called `facet_` and its name.

        Raises:
            InputError: if xarray is not installed.
        """
        if find_spec("xarray") is None:
            raise InputError(
                "to_xarray needs xarray, which is not installed: pip install xarray, or take "
                ".images, .masks and .facets"
            )
        import xarray

        return xarray.Dataset(
            {"image": (DIMENSIONS, self.images), "mask": (DIMENSIONS[:-1], self.masks)},
            coords=self._coordinates(),
            attrs={"name": self.name},
        )

    def _coordinates(self) -> dict[str, tuple[str, NDArray[Any]]]:
        """Name -> (dimension, values); none has the name of a dimension along another one."""
        taken = {*DIMENSIONS, "image", "mask", "has_mask"}
        named = {f"facet_{name}" if name in taken else name: name for name in self.facets}
        columns = {
            str(new): ("pair", self.facets[old].to_numpy(dtype=_plain_type(self.facets[old])))
            for new, old in named.items()
        }
        return {"has_mask": ("pair", self.has_mask), **columns}

    def to_torch(self) -> TorchPairs:
        """The pairs as a `torch.utils.data.Dataset`.

            >>> import medpair
            >>> image, mask, facets = medpair.open("tiny@v1").to_torch()[0]
            >>> image.dtype, image.shape, mask.dtype, mask.shape
            (torch.float32, torch.Size([1, 32, 32]), torch.int64, torch.Size([32, 32]))
            >>> facets["finding"]
            'benign'

        Returns:
            Items (image, mask, facets): float32 (C, H, W) in [0, 1]; int64 (H, W) class indices,
            of a pair without a mask -100 throughout, which torch's losses leave out; a dict.
        """
        from medpair.torch_pairs import TorchPairs

        return TorchPairs(self.pairs)

    def to_monai(self, transform: Callable[[Any], Any] | None = None) -> MonaiPairs:
        """The pairs that have a mask as a `monai.data.Dataset`.

            >>> import medpair
            >>> item = medpair.open("tiny@v1").to_monai()[0]
            >>> item["image"].shape, item["label"].shape
            (torch.Size([1, 32, 32]), torch.Size([1, 32, 32]))

        Args:
            transform: of MONAI, for dictionaries; called with every item.

        Returns:
            Items {"image": float32 (C, H, W) in [0, 1], "label": int64 (1, H, W), "facets": dict}.

        Raises:
            InputError: if no pair has a mask.
        """
        if not self.has_mask.any():
            raise InputError(
                f"no pair of {self.name} has a mask, so MONAI would have no label; to_torch gives "
                "the images"
            )
        from medpair.monai_pairs import MonaiPairs

        return MonaiPairs(self.pairs[self.has_mask], transform)


def _plain_type(column: pd.Series[Any]) -> type | None:
    """Text as numpy's own, which files of xarray can hold; numbers as they are."""
    return None if pd.api.types.is_numeric_dtype(column) else str
