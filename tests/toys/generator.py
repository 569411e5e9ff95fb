"""A generator as anybody adds one: this file, a line in `GENERATORS`, a row in README and docs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from factory.generators.base import facet_rows
from factory.generators.spec import GeneratorSpec
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain, load_vocabulary


class SquareSpec(GeneratorSpec):
    """Recipe section of a generator that draws noise, and a square for the first class asked for."""

    kind: Literal["square"] = "square"
    side: int = Field(default=8, ge=1, description="pixels")

    def build(self, image: ImageSection) -> Square:
        """The generator for images of this size and colour."""
        return Square(image, self.side)


@dataclass(frozen=True)
class Square:
    """A Generator without weights."""

    image: ImageSection
    side: int

    @property
    def domains(self) -> Mapping[str, Domain]:
        """All of them."""
        return load_vocabulary().domains

    @property
    def digest(self) -> str:
        """Of all that decides the pixels."""
        return hashlib.sha256(repr(("square", self.image, self.side)).encode()).hexdigest()

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """One pair for each prompt and seed."""
        facets = pd.DataFrame(facet_rows(prompts, seeds)).fillna("")
        images, masks = zip(*map(self._pair, prompts, seeds), strict=True)
        return PairBatch.of(np.stack(images), np.stack(masks), facets)

    def _pair(self, prompt: Prompt, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        draw = np.random.default_rng(seed)
        image = draw.integers(0, 256, (self.image.size,) * 2 + (self.image.channels,), np.uint8)
        mask = np.zeros(image.shape[:2], np.uint8)
        for name in prompt.classes[:1]:
            mask[: self.side, : self.side] = self.domains[prompt.domain].index(name)
        return image, mask
