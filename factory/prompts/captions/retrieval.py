"""Captions of real images, found by what a prompt asks for (DiffMask, arXiv 2503.07209).

Free text that real captions say keeps prompts close to what a model was taught: DiffMask bridges
the gap between synthetic and real images by such retrieved prompts. Only captions of the training
split are ever read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from factory.errors import InputError

WORDS = r"(?u)\b\w+\b"  # the usual pattern drops words of one letter, as in "T cell"


class RetrieveSection(BaseModel):
    """Which captions of real training images a grid's free texts are taken from.

    Attributes:
        top: so many captions, those nearest to what a cell asks for, take turns.
        near: captions this alike count as one (cosine of TF-IDF, 1 for the same words).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    top: int = Field(default=8, ge=1)
    near: float = Field(default=0.9, gt=0, le=1)


@dataclass(frozen=True)
class Caption:
    """What a real training image is said to show.

    Attributes:
        name: of the image: where the caption came from.
        domain: of the image.
        finding: of the image, "" for none.
        text: the caption as it stands.
    """

    name: str
    domain: str
    finding: str
    text: str

    @property
    def key(self) -> str:
        """Its words: captions that differ in case and marks alone are one."""
        return " ".join(re.findall(WORDS, self.text.casefold()))


@dataclass(frozen=True)
class CaptionLibrary:
    """The captions of a training split.

    Attributes:
        captions: in the order of the source; images without a caption are left out.
    """

    captions: tuple[Caption, ...]

    @staticmethod
    def of(facets: pd.DataFrame) -> CaptionLibrary:
        """Those of real pairs.

        Args:
            facets: N rows of the training split, with the columns name, domain, finding, text.

        Raises:
            InputError: if none has a caption.
        """
        rows = facets[["name", "domain", "finding", "text"]].itertuples(index=False)
        captions = tuple(caption for row in rows if (caption := Caption(*map(str, row))).key)
        if not captions:
            raise InputError(
                "grid.retrieve takes captions from the training split, and no training image of the "
                "source has one: fill the column text, or leave retrieve out"
            )
        return CaptionLibrary(captions)

    def nearest(
        self, domain: str, finding: str, wanted: str, section: RetrieveSection
    ) -> tuple[Caption, ...]:
        """The captions that say most nearly what is wanted, the nearest first.

        Likeness is the cosine between word counts, weighted by how rare a word is among the
        domain's captions (TF-IDF). Among equally near ones the more frequent caption comes first,
        then the one that the source lists first.

        Args:
            domain: whose images' captions are meant.
            finding: that the captioned images have; "" for any.
            wanted: what to look for, in words.
            section: how many at most, and from which likeness on two captions count as one.

        Returns:
            One to `section.top` captions.

        Raises:
            InputError: if no training image of this domain and finding has a caption.
        """
        found = self._ranked(domain, finding, wanted)
        kept: list[int] = []
        for row in found.order:
            if len(kept) < section.top and not (found.alike[row, kept] >= section.near).any():
                kept.append(int(row))
        return tuple(found.captions[row] for row in kept)

    def _ranked(self, domain: str, finding: str, wanted: str) -> _Ranked:
        shelf = [caption for caption in self.captions if caption.domain == domain]
        fitting = [caption for caption in shelf if finding in ("", caption.finding)]
        if not fitting:
            about = f"{domain} with finding {finding!r}" if finding else domain
            raise InputError(
                f"grid.retrieve finds no caption: no training image of {about} has one; fill the "
                "column text, exclude it from the grid, or leave retrieve out"
            )
        return _Ranked.of(shelf, fitting, wanted)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Different captions, how alike they are, and their order of nearness.

    Attributes:
        captions: K of them.
        alike: (K, K) cosines.
        order: (K,) rows, the nearest first.
    """

    captions: Sequence[Caption]
    alike: NDArray[np.float64]
    order: NDArray[np.intp]

    @staticmethod
    def of(shelf: Sequence[Caption], fitting: Sequence[Caption], wanted: str) -> _Ranked:
        # Loads slowly, and most grids retrieve nothing.
        from sklearn.feature_extraction.text import TfidfVectorizer

        times = Counter(caption.key for caption in fitting)
        first: dict[str, Caption] = {}
        for caption in fitting:
            first.setdefault(caption.key, caption)
        weigh: Any = TfidfVectorizer(token_pattern=WORDS)
        weigh.fit([caption.key for caption in shelf])
        # Rows have length 1, so that products are cosines.
        rows, asked = weigh.transform(list(first)), weigh.transform([wanted])
        near = np.round((rows @ asked.T).toarray()[:, 0], 9)
        alike = np.round((rows @ rows.T).toarray(), 9)
        often = np.array([times[key] for key in first])
        order = np.lexsort((np.arange(len(first)), -often, -near))
        return _Ranked(list(first.values()), alike, order)
