"""The real pairs that judges and segmenters learn from, and those they are tried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from factory.identity import digest
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import Source, Split
from factory.vocabulary import Domain
from tasks.progress import stage


@dataclass(frozen=True, eq=False)
class Reference:
    """The real pairs that a version is held against.

    Attributes:
        train: judges and segmenters learn from these.
        held_out: of other patients; validation data, or the test split where it is opened.
        domains: of all these pairs, by name.
        image: their size and channels.
        source: digest of the source's content.
        split: which one is held out.
    """

    train: PairBatch
    held_out: PairBatch
    domains: Mapping[str, Domain]
    image: ImageSection
    source: str
    split: Split

    @staticmethod
    def of(source: Source, image: ImageSection, split: Split = "val") -> Reference:
        """Reads the training split and one other of a source."""
        with stage("reading real pairs"):
            train, held_out = source.read("train", image), source.read(split, image)
        return Reference(train, held_out, source.domains, image, source.digest, split)

    @property
    def digest(self) -> str:
        """What a score is held against."""
        return reference_digest(self.source, self.image, self.split)

    @property
    def taught(self) -> dict[str, object]:
        """What a model trained on `train` depends on."""
        return {"source": self.source, "image": self.image.model_dump(mode="json")}


def reference_digest(source: str, image: ImageSection, split: Split = "val") -> str:
    """`Reference.digest` of a source by its digest, without reading it."""
    return digest({"source": source, "image": image.model_dump(mode="json"), "split": split})
