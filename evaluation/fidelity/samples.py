"""Features of synthetic, training and held-out pairs as distances compare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.features.handcrafted import Extractor, Handcrafted, RobustScale
from evaluation.features.names import HANDCRAFTED, IMAGE_ALONE, IMAGE_GROUPS
from evaluation.fidelity.frechet import Features
from evaluation.pairs import Block, column, units_of, with_masks
from evaluation.statistics.bootstrap import Units


@dataclass(frozen=True, eq=False)
class Sample:
    """Features of some pairs as distances see them, and the unit (patient) and finding of each."""

    features: Features
    units: Units
    findings: NDArray[np.object_]

    def of(self, finding: str) -> Sample:
        """Only the pairs with a finding."""
        at = self.findings == finding
        return Sample(self.features[at], self.units[at], self.findings[at])

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class SampleTriple:
    """What every distance compares: synthetic pairs, real training and real held-out ones."""

    synthetic: Sample
    train: Sample
    held_out: Sample


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """One set of features.

    Attributes:
        content: name and fingerprint, "handcrafted@2": what scores state.
        groups: features by group; under the set's own name all of them, where masks were read.
    """

    content: str
    groups: Mapping[str, SampleTriple]


def feature_set(
    extractor: Extractor, synthetic: Block, train: Block, held_out: Block
) -> FeatureSet:
    """The features that an extractor measures; pairs without a mask count where none is read."""
    sets = synthetic, train, held_out
    groups = scaled(extractor, *sets)
    if extractor.name == HANDCRAFTED and not all(np.all(pairs.has_mask) for pairs in sets):
        groups = {**groups, **image_set(*sets).groups}
    return FeatureSet(f"{extractor.name}@{extractor.fingerprint}", groups)


def image_set(synthetic: Block, train: Block, held_out: Block) -> FeatureSet:
    """The groups of handcrafted features that no mask enters, of all images."""
    extractor = Handcrafted(("structure",))
    groups = scaled(extractor, *(_unmasked(pairs) for pairs in (synthetic, train, held_out)))
    content = f"{extractor.name}@{extractor.fingerprint}"
    return FeatureSet(content, {name: groups[name] for name in IMAGE_GROUPS})


def _unmasked(pairs: Block) -> Block:
    """The images with empty masks that count as present: all of them are compared, no mask is."""
    return replace(
        pairs, masks=np.zeros_like(pairs.masks), has_mask=np.ones(len(pairs.images), bool)
    )


def scaled(
    extractor: Extractor, synthetic: Block, train: Block, held_out: Block
) -> Mapping[str, SampleTriple]:
    """Features by group, and under the extractor's name all of them.

    Where the extractor asks for it they are scaled on the training ones. Pairs without a mask
    have no features of it and are left out, unless the extractor reads images alone.
    """
    sets = [synthetic, train, held_out]
    if extractor.name not in IMAGE_ALONE:
        sets = [with_masks(pairs) for pairs in sets]
    raw = [extractor.groups(pairs.images, pairs.masks) for pairs in sets]
    tables: dict[str, list[Features]] = {}
    for group in raw[1]:
        tables[group] = [table[group] for table in raw]
        if extractor.scaled:
            scale = RobustScale.fit(raw[1][group])
            tables[group] = [scale.apply(table) for table in tables[group]]
    if extractor.name not in tables:
        tables[extractor.name] = [np.hstack([t[i] for t in tables.values()]) for i in range(3)]
    about = [(units_of(pairs), column(pairs, "finding")) for pairs in sets]
    return {
        group: SampleTriple(
            *(Sample(each, *known) for each, known in zip(table, about, strict=True))
        )
        for group, table in tables.items()
    }
