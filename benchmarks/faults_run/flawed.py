"""The phantoms' generator at a pace at which it can be hit, with prompts at which it fails."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from factory.generators.phantom import PhantomGenerator
from factory.generators.spec import GeneratorSpec
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain


class FlawedSpec(GeneratorSpec):
    """Recipe section of the phantoms' generator with flaws."""

    kind: Literal["flawed"] = "flawed"
    pace: float = Field(default=0.0, ge=0, description="seconds a pair takes at least")
    raises: int | None = Field(default=None, description="replicate at which it raises")
    exits: int | None = Field(default=None, description="replicate at which its process ends")

    def build(self, image: ImageSection) -> FlawedGenerator:
        """The generator for images of this size and colour."""
        return FlawedGenerator(PhantomGenerator(image), self.pace, self.raises, self.exits)


@dataclass(frozen=True)
class FlawedGenerator:
    """A Generator of phantoms; the digest counts its flaws, not its pace.

    Attributes:
        phantoms: that draws the pairs.
        pace: seconds a pair takes at least.
        raises: replicate at which it raises.
        exits: replicate at which its process ends without a word.
    """

    phantoms: PhantomGenerator
    pace: float
    raises: int | None
    exits: int | None

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Those of the phantoms."""
        return self.phantoms.domains

    @property
    def digest(self) -> str:
        """Of all that decides the pixels."""
        what = (self.phantoms.digest, self.raises, self.exits)
        return hashlib.sha256(repr(what).encode()).hexdigest()

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """One pair for each prompt and seed.

        Raises:
            RuntimeError: at the prompt of its flaw.
        """
        for prompt in prompts:
            time.sleep(self.pace)
            if prompt.replicate == self.exits:
                os._exit(1)
            if prompt.replicate == self.raises:
                raise RuntimeError(f"replicate {self.raises} cannot be drawn")
        return self.phantoms.generate(prompts, seeds)
