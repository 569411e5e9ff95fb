"""What a generator had seen of the real images, from its checkpoint's card and the recipe."""

from __future__ import annotations

from pathlib import Path

from evaluation.provenance import NOTHING_SEEN, Seen
from factory.generators.phantom import PhantomGeneratorSpec
from factory.models.ancestry import Ancestor, ancestry_of
from factory.models.checkpoints import read_card
from factory.sources import SourceSection

UNKNOWN = Seen(known=False)


def seen_by(spec: object, source: SourceSection, digest: str) -> Seen:
    """What the generator of a version was trained on.

    Data sets are told apart by digest: the same images under another split count as another set.

    Args:
        spec: the generator as workers build it, with its checkpoint.
        source: section of the real pairs that segmenters learn from.
        digest: of that source.
    """
    if isinstance(spec, PhantomGeneratorSpec):
        return NOTHING_SEEN
    start = getattr(spec, "start", None)
    ancestors = ancestry_of(read_card(start)) if isinstance(start, Path) else None
    if ancestors is None:
        return UNKNOWN
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
