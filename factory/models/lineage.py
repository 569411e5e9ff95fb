"""Which data sets a checkpoint's weights have met: as its card has it, and in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
        listed = card[KEY]
        return None if listed is None else tuple(_ancestor(each) for each in listed)
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


def _ancestor(entry: Mapping[str, Any]) -> Ancestor:
    # Cards written before unions named their parts have none.
    return Ancestor(**{**entry, "parts": tuple(entry.get("parts", ()))})


def training_history(
    card: Mapping[str, Any] | None, source_digest: str, parts: Collection[str] = ()
) -> str:
    """Which real images the generator was trained on before it made pairs.

    Args:
        card: of its checkpoint, {} where the checkpoint has none; None for a generator without
            one, which draws by rule.
        source_digest: of the real data that the pairs are held against.
        parts: digests of the sources that this is made of, where it is a union.
    """
    if card is None:
        return "no image: it draws by rule and was not trained"
    if "source_digest" not in card:
        return "not known: its checkpoint has no card that says what it was trained on"
    whose = _whose(str(card["source_digest"]), source_digest, parts)
    sentence = f"the training split of {whose}, {card.get('pairs', 'an unknown number of')} pairs"
    if card.get("from"):
        return f"{sentence}, and before that whatever the checkpoint {card['from']!r} had seen"
    return f"{sentence}, and no other image; on the validation split its loss was watched"


def _whose(trained_on: str, source_digest: str, parts: Collection[str]) -> str:
    if trained_on == source_digest:
        return "this source"
    return (
        "one part of this source" if trained_on in parts else f"another source ({trained_on[:12]})"
    )
