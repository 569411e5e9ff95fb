"""What every generator of pairs offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain


class Generator(Protocol):
    """Makes pairs from prompts and seeds; where they go is not its business.

    A pair follows from its prompt and its seed alone: neighbours, order and the number of prompts
    in a call change no pixel.
    """

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The domains it can draw, by name."""

    @property
    def digest(self) -> str:
        """Hexadecimal digest of all that decides the pixels: weights, configuration, format."""

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """One pair for each prompt and seed, in order; facets as `facet_rows` gives them.

        Raises:
            ValueError: if there is no prompt, or not one seed for each.
        """


def facet_rows(prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[dict[str, str]]:
    """Facets of synthetic pairs: each prompt's own, with the seed the pair was made from.

    Raises:
        ValueError: if there is no prompt, or not one seed for each.
    """
    if not prompts or len(prompts) != len(seeds):
        raise ValueError(
            f"{len(prompts)} prompts and {len(seeds)} seeds: give at least one, as many of each"
        )
    return [
        {**prompt.facets(), "seed": str(int(seed))}
        for prompt, seed in zip(prompts, seeds, strict=True)
    ]
