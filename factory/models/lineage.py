"""Which data sets a checkpoint's weights have met, as its card tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

KEY = "ancestry"


@dataclass(frozen=True)
class Ancestor:
    """A data set that weights were trained on.

    Attributes:
        source: digest of the source, limit and split included.
        pairs: number of training pairs.
        phantom: whether all of its domains are phantoms.
        parts: digests of the sources that a union is made of; () for any other source.
    """

    source: str
    pairs: int
    phantom: bool
    parts: tuple[str, ...] = ()

    @property
    def digests(self) -> frozenset[str]:
        """Of the source and of its parts."""
        return frozenset({self.source, *self.parts})


def ancestry_of(card: Mapping[str, Any]) -> tuple[Ancestor, ...] | None:
    """The data sets of a card, first trained on first; None where they are not all recorded."""
    if KEY in card:
        told = card[KEY]
        return None if told is None else tuple(_ancestor(each) for each in told)
    # A card of before this was kept: enough where its weights started from nothing.
    if "source_digest" not in card or card.get("from") is not None:
        return None
    phantom = all(domain["phantom"] for domain in card["domains"])
    return (Ancestor(card["source_digest"], card["pairs"], phantom),)


def with_ancestor(
    card: Mapping[str, Any] | None, ancestor: Ancestor
) -> list[dict[str, object]] | None:
    """What the card of a trained checkpoint keeps.

    Args:
        card: of the checkpoint that the training started from; None where it started from nothing.
        ancestor: what it was trained on.
    """
    before = () if card is None else ancestry_of(card)
    return None if before is None else [asdict(each) for each in (*before, ancestor)]


def _ancestor(told: Mapping[str, Any]) -> Ancestor:
    # Cards of before unions told their parts have none.
    return Ancestor(**{**told, "parts": tuple(told.get("parts", ()))})
