"""What a checkpoint's card says of its past, in a sentence for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def training_history(
    card: Mapping[str, Any] | None, source_digest: str, parts: Collection[str] = ()
) -> str:
    """Which real images the generator had seen before it made pairs.

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
    told = f"the training split of {whose}, {card.get('pairs', 'an unknown number of')} pairs"
    if card.get("from"):
        return f"{told}, and before that whatever the checkpoint {card['from']!r} had seen"
    return f"{told}, and no other image; on the validation split its loss was watched"


def _whose(seen: str, source_digest: str, parts: Collection[str]) -> str:
    if seen == source_digest:
        return "this source"
    return "one part of this source" if seen in parts else f"another source ({seen[:12]})"
