"""The real pairs that judges and segmenters learn from, and those they are tested on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from evaluation.privacy.image_distance import DistanceCache
from factory.errors import InputError
from factory.identity import digest
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import Source
from factory.sources.splits import Split
from factory.vocabulary import Domain
from tasks.services.progress import stage


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
        elsewhere: digest of the source of `held_out`, where that is another one; else "".
        parts: digests of the sources that a union is made of; () for any other source.
        licence: of the training pairs.
        distances: of images to these, once for gating and scoring.
    """

    train: PairBatch
    held_out: PairBatch
    domains: Mapping[str, Domain]
    image: ImageSection
    source: str
    split: Split
    elsewhere: str = ""
    parts: tuple[str, ...] = ()
    licence: str = "unknown"
    distances: DistanceCache = field(default_factory=DistanceCache)

    @staticmethod
    def of(source: Source, image: ImageSection, split: Split = "val") -> Reference:
        """Reads the training split and one other of a source."""
        with stage("reading real pairs"):
            train, held_out = source.read("train", image), source.read(split, image)
        return Reference(
            train,
            held_out,
            source.domains,
            image,
            source.digest,
            split,
            parts=source.parts_digests,
            licence=source.licence,
        )

    def check_splits(self, domains: Iterable[str], *, masked: bool) -> None:
        """Whether each of the domains has pairs to learn from, and others to be held against.

        Args:
            domains: that are asked for.
            masked: whether these pairs must have masks.

        Raises:
            InputError: naming the split that is missing, and of which domains.
        """
        for split, pairs in (("train", self.train), (self.split, self.held_out)):
            usable = pairs.has_mask if masked else np.ones(len(pairs), bool)
            held = set(pairs.facets["domain"][usable])
            if missing := [name for name in domains if name not in held]:
                what = "pairs with a mask" if masked else "images"
                raise InputError(
                    f"the source has no {split} {what} of {', '.join(missing)}: nothing "
                    "could be learnt from or scored against; correct the column split, or leave it "
                    "empty to have the pairs split by patient"
                )

    def with_test(self, source: Source) -> Reference:
        """The same pairs to learn from, held against the test split of their source."""
        with stage("reading the test split"):
            held_out = source.read("test", self.image)
        return replace(self, held_out=held_out, split="test")

    def against(self, other: Source, split: Split, domains: Iterable[str]) -> Reference:
        """The same pairs to learn from, held against a split of another source: another hospital's.

        Args:
            other: whose pairs nothing learns from.
            split: of these.
            domains: that are tested.

        Raises:
            InputError: if it cannot be read, is the same source, lacks a domain or codes it
                differently.
        """
        if lines := other.problems(self.image):
            raise InputError("\n".join(lines))
        if other.digest == self.source:
            raise InputError(
                "--against names the very pairs that the recipe learns from, so that nothing would "
                "be tested elsewhere; leave it out, or name another source"
            )
        with stage("reading the real pairs of the other source"):
            held = other.read(split, self.image)
        for name in domains:
            self._same_masks(name, other, held)
        return replace(self, held_out=held, split=split, elsewhere=other.digest)

    def _same_masks(self, domain: str, other: Source, held: PairBatch) -> None:
        mine = self.domains[domain].classes
        if domain not in other.domains:
            raise InputError(
                f"the source of --against has no pairs of domain {domain!r}, only of "
                f"{', '.join(other.domains)}: give a recipe whose source.domain says {domain!r}, or "
                "name other domains in utility.domains"
            )
        if (theirs := other.domains[domain].classes) != mine:
            raise InputError(
                f"domain {domain!r} of --against has the classes {list(theirs)}, not {list(mine)}: "
                "the masks cannot be compared; give its folder a classes.json that says the same"
            )
        if not np.any(held.has_mask & (held.facets["domain"] == domain)):
            raise InputError(
                f"the source of --against holds out no pair with a mask of domain {domain!r}, so "
                "nothing could be tested on it; correct its column split"
            )

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """The classes of each domain, in the order of its masks' values."""
        return {name: domain.classes for name, domain in self.domains.items()}

    @property
    def digest(self) -> str:
        """What a score is held against."""
        return reference_digest(self.source, self.image, self.split, self.elsewhere)

    @property
    def taught(self) -> dict[str, object]:
        """What a model trained on `train` depends on."""
        return {"source": self.source, "image": self.image.model_dump(mode="json")}


def reference_digest(
    source: str, image: ImageSection, split: Split = "val", elsewhere: str = ""
) -> str:
    """`Reference.digest` of a source by its digest, without reading it."""
    taught = {"source": source, "image": image.model_dump(mode="json")}
    return digest(taught | {"split": split} | ({"elsewhere": elsewhere} if elsewhere else {}))
