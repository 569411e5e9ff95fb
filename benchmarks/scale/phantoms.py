"""A recipe of so many phantoms, and a generator that gives the same few of them again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain
from flows.context import RunContext, open_context
from flows.planning.recipe import load_recipe
from tasks.services.settings import Settings

SIZE = 32  # px
CELLS = 5  # combinations that the recipe asks for
DIFFERENT = 64  # phantoms of each combination


@contextmanager
def phantom_run(home: Path, count: int, *overrides: str) -> Iterator[RunContext]:
    """The context of a run of the shipped recipe of phantoms, small, with so many pairs."""
    asked = f"grid.replicates={count // CELLS}", f"image.size={SIZE}", "utility=null", "gates={}"
    settings = Settings(home=home).enter()
    home.mkdir(parents=True, exist_ok=True)
    with open_context(load_recipe("phantoms", [*asked, *overrides]), settings) as context:
        yield context


@dataclass(frozen=True)
class Again:
    """Gives a prompt one of a few phantoms that were drawn for its combination.

    So pairs take no time to draw, and a version of a hundred thousand can be measured.

    Attributes:
        digest: of the generator in whose name it gives them.
        seconds: that it sleeps for every call.
    """

    digest: str
    seconds: float = 0.0

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Those of the phantoms."""
        return PhantomGenerator(ImageSection(size=SIZE)).domains

    @cached_property
    def _drawn(self) -> dict[str, PairBatch]:
        return {}

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """A pair for each prompt; the seed says which of the phantoms."""
        time.sleep(self.seconds)
        pairs = [
            self._phantoms(prompt)[[seed % DIFFERENT]]
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        facets = pd.DataFrame([prompt.facets() for prompt in prompts])
        images = np.concatenate([pair.images for pair in pairs])
        return PairBatch.of(images, np.concatenate([pair.masks for pair in pairs]), facets)

    def _phantoms(self, prompt: Prompt) -> PairBatch:
        text = prompt.text or f"{prompt.domain}, {prompt.finding}"
        if text not in self._drawn:
            drawn = PhantomGenerator(ImageSection(size=SIZE))
            self._drawn[text] = drawn.generate([prompt] * DIFFERENT, [*range(DIFFERENT)])
        return self._drawn[text]
