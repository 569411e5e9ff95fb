"""What a checkpoint's card says of its past, in a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def had_seen(card: Mapping[str, Any] | None, source_digest: str) -> str:
    """Which real images the generator had seen before it made pairs.

    Args:
        card: of its checkpoint, {} where the checkpoint has none; None for a generator without
            one, which draws by rule.
        source_digest: of the real data that the pairs are held against.
    """
    if card is None:
        return "no image: it draws by rule and was not trained"
    if "source_digest" not in card:
        return "not known: its checkpoint has no card that says what it was trained on"
    same = card["source_digest"] == source_digest
    whose = "this source" if same else f"another source ({str(card['source_digest'])[:12]})"
    told = f"the training split of {whose}, {card.get('pairs', 'an unknown number of')} pairs"
    if card.get("from"):
        return f"{told}, and before that whatever the checkpoint {card['from']!r} had seen"
    return f"{told}, and no other image; on the validation split its loss was watched"
