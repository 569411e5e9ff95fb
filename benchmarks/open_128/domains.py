"""A checkpoint's pairs of every domain that it learnt, each judged on its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure
from benchmarks.open_128.scored import drawn, scored
from evaluation.pairs import Block, Pairs, domain_of, take
from factory.generators.base import Generator
from factory.generators.specs import TrainedSpec
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.sources.base import Source
from factory.vocabulary import Domain
from flows.planning.recipe import Recipe, load_recipe

OPEN = "open-128"
MOST_REAL = 400  # pairs of a domain for judging: slices of volumes are many and alike


def open_recipe(data: Path, *overrides: str, without: Sequence[str] = ()) -> Recipe:
    """The recipe of the checkpoint, its sets lying in a folder for each below `data`.

    Args:
        data: that folder.
        overrides: of its keys.
        without: parts that are left out.
    """
    parts = load_recipe(OPEN).source.model_dump(mode="json")["parts"]
    moved = {
        name: {**part, "path": str(data / Path(part["path"]).name)}
        for name, part in parts.items()
        if name not in without
    }
    return load_recipe(OPEN, [*overrides, f"source.parts={json.dumps(moved)}"])


@dataclass(frozen=True)
class Domains:
    """The checkpoint and the real pairs of its domains; the test split stays closed."""

    recipe: Recipe
    checkpoint: Path

    @cached_property
    def source(self) -> Source:
        """All sets as one."""
        return self.recipe.source.build()

    @cached_property
    def generator(self) -> Generator:
        """The checkpoint, drawing as its recipe says."""
        if not isinstance(spec := self.recipe.generator, TrainedSpec):
            raise TypeError(f"recipe {OPEN} has the generator {spec.kind}, which is not trained")
        return spec.with_checkpoint(self.checkpoint).build(self.recipe.image)

    def of_each(self, count: int) -> Iterator[tuple[Domain, PairBatch, dict[str, Figure]]]:
        """Every domain, so many of its pairs, and what they are scored."""
        train, held_out = (self.source.read(part, self.recipe.image) for part in ("train", "val"))
        for domain in self.source.domains.values():
            section = self.recipe.grid.model_copy(update={"replicates": count})
            pairs = drawn(self.generator, PromptGrid(section, {domain.name: domain}), count)
            real = some(train, domain), some(held_out, domain)
            yield domain, pairs, scored(pairs, *real, domain, self.recipe.evaluate)


def some(real: Pairs, domain: Domain) -> Block:
    """The pairs of a domain, or as many as are enough, evenly spread."""
    rows = np.flatnonzero(domain_of(real) == domain.name)
    return take(real, rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_REAL)).astype(int)])
