"""A source as anybody adds one: this file, a line in `PLAIN_SOURCES`, a row in docs/sources.md."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import FACETS, Source, SourceSpec
from factory.sources.splits import Split
from factory.vocabulary import Domain, load_vocabulary

DOMAIN = "phantom-breast-us"


class RampSource(SourceSpec):
    """Recipe section of a source of brightness ramps, each with a bright square on it.

    Attributes:
        count: images of each split.
    """

    kind: Literal["ramps"] = "ramps"
    count: int = 8

    def build(self) -> Source:
        """The source itself."""
        return Ramps(self.count)


@dataclass(frozen=True)
class Ramps:
    """A Source that draws its pairs when they are read."""

    count: int
    licence: str = "CC0-1.0"

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The one whose name and classes it borrows."""
        return {DOMAIN: load_vocabulary().domain(DOMAIN)}

    @property
    def digest(self) -> str:
        """Of all that decides the pixels."""
        return hashlib.sha256(f"ramps {self.count}".encode()).hexdigest()

    @property
    def parts_digests(self) -> tuple[str, ...]:
        """None: it is made of no other source."""
        return ()

    @property
    def units(self) -> Mapping[str, str]:
        """None: every image is a patient."""
        return {}

    def problems(self, image: ImageSection) -> list[str]:
        """None: there are no files."""
        return []

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """Noisy ramps of any size, other ones in each split."""
        draw = np.random.default_rng(("train", "val", "test").index(split))
        images = np.tile(np.linspace(0, 120, image.size), (self.count, image.size, 1))
        masks = np.zeros(images.shape, np.uint8)
        for number, (row, column) in enumerate(draw.integers(4, image.size // 2, (self.count, 2))):
            masks[number, row : row + 8, column : column + 8] = 1
        images = images + 100 * masks + draw.uniform(0, 30, images.shape)
        pixels = np.repeat(images[..., None], image.channels, -1).astype(np.uint8)
        rows = [self._facets(split, number) for number in range(self.count)]
        return PairBatch.of(pixels, masks, pd.DataFrame(rows, columns=list(FACETS)))

    def _facets(self, split: Split, number: int) -> dict[str, object]:
        name, domain = f"{split}-{number}", self.domains[DOMAIN]
        finding = ("benign", "malignant")[number % 2]
        known = {"name": name, "patient": name, "split": split, "domain": DOMAIN}
        shown = {"labels": "lesion", "finding": finding, "slice": -1}
        about = {"modality": domain.modality, "anatomy": domain.anatomy}
        return {**dict.fromkeys(FACETS, ""), **known, **shown, **about}
