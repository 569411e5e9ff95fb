"""What a generator had seen of the real images, from its checkpoint's card and the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.provenance import NOTHING_SEEN, Seen
from factory.models.ancestry import Ancestor, ancestry_of
from factory.models.checkpoints import read_card
from factory.sources import SourceSection

UNKNOWN = Seen(known=False)


def seen_by(checkpoints: Sequence[Path], source: SourceSection, digest: str) -> Seen:
    """What the generator of a version was trained on.

    Data sets are told apart by digest: the same images under another split count as another set.

    Args:
        checkpoints: those that make the pairs; none draw by rule.
        source: section of the real pairs that segmenters learn from.
        digest: of that source.
    """
    if not checkpoints:
        return NOTHING_SEEN
    told = [ancestry_of(read_card(each)) for each in checkpoints]
    if None in told:
        return UNKNOWN
    ancestors = tuple(ancestor for each in told if each for ancestor in each)
    known = {each.source for each in ancestors}
    same = not source.limited or known == {digest}
    whole = digest if same else source.unlimited().build().digest
    return _seen(ancestors, digest, whole, limited=source.limited)


def _seen(ancestors: tuple[Ancestor, ...], digest: str, whole: str, limited: bool) -> Seen:
    own = [each for each in ancestors if each.source in (digest, whole)]
    foreign = [each for each in ancestors if each not in own]
    if not own:
        # Who has seen phantoms alone has seen no patient.
        return Seen(others=not all(each.phantom for each in foreign))
    all_of_it = not limited or any(each.source == whole != digest for each in own)
    images = max(each.pairs for each in own)
    return Seen("whole" if all_of_it else "limited", images, bool(foreign))
