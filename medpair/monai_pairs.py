"""Pairs as MONAI reads them: dictionaries, channel first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.data import Dataset

from factory.pairs import PairBatch
from medpair.torch_pairs import TorchPairs


class _Dictionaries:
    """What a `monai.data.Dataset` is handed: each item is made when it is asked for."""

    def __init__(self, pairs: PairBatch) -> None:
        self.pairs = TorchPairs(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image, mask, facets = self.pairs[index]
        return {"image": image, "label": mask[None], "facets": facets}


class MonaiPairs(Dataset):
    """A `monai.data.Dataset` of {"image", "label", "facets"}."""

    def __init__(self, pairs: PairBatch, transform: Callable[[Any], Any] | None) -> None:
        super().__init__(_Dictionaries(pairs), transform)
