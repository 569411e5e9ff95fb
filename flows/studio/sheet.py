"""The pairs on the table: what was made, from what, and which of them are ticked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from factory.pairs import Images, Masks, PairBatch
from factory.prompts.prompt import Prompt
from factory.store.checks import check, names
from factory.vocabulary import Domain
from flows.asking.request import Request

Given = Literal["", "mask", "image", "pair", "own pair"]


@dataclass(frozen=True, eq=False)
class MadePair:
    """A pair and what it was made from.

    Attributes:
        prompt: that asked for it.
        image: (H, W, C) uint8.
        mask: (H, W) uint8 class indices.
        faults: what the store's checks say against it; () where nothing.
    """

    prompt: Prompt
    image: Images
    mask: Masks
    faults: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Short, the same for the same prompt."""
        return self.prompt.digest[:8]


@dataclass(eq=False)
class Sheet:
    """The pairs of one request.

    Attributes:
        request: what was asked for.
        domain: of all pairs.
        generator: digest of what made them; "" until the model is read.
        given: what was not drawn: "mask", "image" or "" for neither; "pair", or "own pair" of the
            visitor's, where all but a region was given.
        pairs: made so far, in order.
        ticked: numbers of those that are to be kept.
    """

    request: Request
    domain: Domain
    generator: str = ""
    given: Given = ""
    pairs: list[MadePair] = field(default_factory=list)
    ticked: set[int] = field(default_factory=set)

    def add(self, made: PairBatch, prompt: Prompt) -> None:
        """Puts a pair on the table, with what the store's checks say of it."""
        bits = check(made, {self.domain.name: self.domain.label_map})
        faults = tuple(names(int(bits[0])))
        self.pairs.append(MadePair(prompt, made.images[0], made.masks[0], faults))

    def tick(self, number: int, wanted: bool) -> None:
        """Marks a pair as one to keep, or not."""
        (self.ticked.add if wanted else self.ticked.discard)(number)

    @property
    def keepable(self) -> bool:
        """Whether its pairs are synthetic: those of given images are not."""
        return self.given not in {"image", "own pair"}

    @property
    def varied(self) -> Request:
        """The same request with the next seed, for other images of a mask."""
        return replace(self.request, seed=self.request.seed + 1)
