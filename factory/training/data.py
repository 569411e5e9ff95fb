"""What a model is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.vocabulary import Domain


@dataclass(frozen=True)
class TrainingData:
    """What a model is trained on.

    Attributes:
        train: pairs to learn from.
        held_out: pairs whose losses are watched.
        domains: of all these pairs, by name.
        image: their size and channels.
        source_digest: content of the source.
        licence: of the data; goes into the checkpoint's card.
        source_parts: digests of the sources that a union is made of; () for any other source.
    """

    train: PairBatch
    held_out: PairBatch
    domains: Mapping[str, Domain]
    image: ImageSection
    source_digest: str
    licence: str
    source_parts: tuple[str, ...] = ()

    def masked(self) -> TrainingData:
        """The pairs whose mask is not absent: what masks can be learnt from."""
        train, held_out = (pairs[pairs.has_mask] for pairs in (self.train, self.held_out))
        return replace(self, train=train, held_out=held_out)

    def balanced(self) -> TrainingData:
        """The training pairs of smaller domains repeated, so that all are learnt about as often.

        Repeated whole times, at least once; augmentation then makes each of them another variant.
        """
        domains = self.train.facets["domain"].to_numpy(str)
        names, counts = np.unique(domains, return_counts=True)
        times = dict(zip(names, np.rint(counts.max() / counts).astype(int), strict=True))
        rows = np.repeat(np.arange(len(domains)), [times[name] for name in domains])
        return replace(self, train=self.train[rows])

    def images_alone(self) -> TrainingData:
        """The same images and facets with every mask emptied: what nothing can learn masks from.

        `has_mask` stays: it says whether a pair without labels shows nothing or was not labelled.
        """
        train, held_out = (
            replace(pairs, masks=np.zeros_like(pairs.masks))
            for pairs in (self.train, self.held_out)
        )
        return replace(self, train=train, held_out=held_out)
