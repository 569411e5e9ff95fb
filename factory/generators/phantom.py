"""Exact pairs from prompts, drawn by the phantoms' renderer: no weights, no training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from factory.generators.base import facet_rows
from factory.generators.spec import GeneratorSpec
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.sources.phantom import paint, spacing_mm
from factory.sources.phantoms import PHANTOMS, RENDERER_VERSION
from factory.sources.rendering import phantom_domain
from factory.vocabulary import Domain


class PhantomGeneratorSpec(GeneratorSpec):
    """Recipe section of the phantom generator; there is nothing to set."""

    kind: Literal["phantom"] = "phantom"

    def build(self, image: ImageSection) -> PhantomGenerator:
        """The generator for images of this size and colour."""
        return PhantomGenerator(image)


@dataclass(frozen=True)
class PhantomGenerator:
    """A Generator whose masks are right by construction: the yardstick for all others.

    It shows the prompt's domain, finding and classes; free text and further facets change the
    seed of a pair, but nothing is drawn of them.
    """

    image: ImageSection

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains it can draw, by name."""
        return {name: phantom_domain(name) for name in PHANTOMS}

    @cached_property
    def digest(self) -> str:
        """Digest of renderer, image section and label maps."""
        content = {
            "generator": "phantom",
            "renderer": RENDERER_VERSION,
            "image": self.image.model_dump(),
            "domains": {name: domain.model_dump() for name, domain in self.domains.items()},
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """Draws one pair for each prompt and seed.

        Raises:
            InputError: if a prompt's domain is not a phantom, or lacks its finding or classes.
            ValueError: if there is no prompt, or not one seed for each.
        """
        facets = pd.DataFrame(facet_rows(prompts, seeds)).fillna("")
        drawn = [
            paint(phantom_domain(prompt.domain), prompt.finding, prompt.classes, seed, self.image)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        spacing = [spacing_mm(prompt.domain, self.image.size) for prompt in prompts]
        return PairBatch(
            np.stack([image for image, _ in drawn]),
            np.stack([mask for _, mask in drawn]),
            facets,
            np.array(spacing, np.float32),
            np.ones(len(drawn), bool),
        )
