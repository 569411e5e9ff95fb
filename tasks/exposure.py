"""Which real images a generator was trained on, from its checkpoint's card and the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.utility.exposure import NO_EXPOSURE, TrainingExposure
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
        source: section of the real pairs that networks learn from.
        digest: of that source.
    """
    if not checkpoints:
        return NO_EXPOSURE
    ancestries = [ancestry_of(read_card(each)) for each in checkpoints]
    if None in ancestries:
        return UNKNOWN
    ancestors = tuple(ancestor for each in ancestries if each for ancestor in each)
    if {each.source for each in ancestors} == {digest}:
        return _exposure(ancestors, digest, digest, frozenset(), limited=source.limited)
    # Only here, since a digest reads every file.
    whole = source.unlimited().build().digest if source.limited else digest
    return _exposure(ancestors, digest, whole, _parts(source), limited=source.limited)


def _parts(source: SourceSection) -> frozenset[str]:
    """Digests of the parts of a union, limited as they are and unlimited."""
    if not isinstance(source, UnionSource):
        return frozenset()
    return frozenset({*source.build().parts_digests, *source.unlimited().build().parts_digests})


def _exposure(
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
