"""What a generator had seen of the real images, from its checkpoint's card and the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.utility.exposure import NOTHING_SEEN, TrainingExposure
from factory.models.checkpoints import read_card
from factory.models.lineage import Ancestor, ancestry_of
from factory.sources import SourceSection
from factory.sources.union import UnionSource

UNKNOWN = TrainingExposure(known=False)


def exposure_of(
    checkpoints: Sequence[Path], source: SourceSection, digest: str
) -> TrainingExposure:
    """What the generator of a version was trained on.

    Data sets are told apart by digest: the same images under another split count as another set.
    A union and each of its parts are one data set, whichever of the two the generator learned from.

    Args:
        checkpoints: those that make the pairs; none draw by rule.
        source: section of the real pairs that segmenters learn from.
        digest: of that source.
    """
    if not checkpoints:
        return NOTHING_SEEN
    histories = [ancestry_of(read_card(each)) for each in checkpoints]
    if None in histories:
        return UNKNOWN
    ancestors = tuple(ancestor for each in histories if each for ancestor in each)
    if {each.source for each in ancestors} == {digest}:
        return _seen(ancestors, digest, digest, frozenset(), limited=source.limited)
    # Only here, since a digest reads every file.
    whole = source.unlimited().build().digest if source.limited else digest
    return _seen(ancestors, digest, whole, _parts(source), limited=source.limited)


def _parts(source: SourceSection) -> frozenset[str]:
    """Digests of the parts of a union, limited as they are and unlimited."""
    if not isinstance(source, UnionSource):
        return frozenset()
    return frozenset({*source.build().parts_digests, *source.unlimited().build().parts_digests})


def _seen(
    ancestors: tuple[Ancestor, ...], digest: str, whole: str, parts: frozenset[str], limited: bool
) -> TrainingExposure:
    own = [each for each in ancestors if each.source in (digest, whole)]
    others = [each for each in ancestors if each not in own]
    partly = [each for each in others if each.digests & {digest, whole, *parts}]
    foreign = [each for each in others if each not in partly]
    if not own and not partly:
        # Who has seen phantoms alone has seen no patient.
        return TrainingExposure(others=not all(each.phantom for each in foreign))
    images = max(each.pairs for each in (*own, *partly))
    if own and (not limited or any(each.source == whole != digest for each in own)):
        return TrainingExposure("whole", images, bool(others))
    return TrainingExposure("part" if partly else "limited", images, bool(foreign))
