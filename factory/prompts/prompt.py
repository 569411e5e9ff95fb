"""Prompts: what each pair should show, in words, and the identity and seed that follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from factory.prompts.origins import FILL_OF, MASK_DIGEST, MASK_FROM, ORIGINS, RETRIEVED
from factory.prompts.place import Place
from factory.vocabulary import Domain

Extra = tuple[tuple[str, str], ...]


def texts(
    domain: Domain,
    classes: Iterable[str],
    finding: str = "",
    text: str = "",
    extra: Extra = (),
) -> tuple[str, str]:
    """What conditions the image stream and the mask stream, for asked and for real pairs alike.

    Args:
        domain: gives the title and what is said where no class is shown.
        classes: the classes shown, in any order; the domain's order is said.
        finding: the finding, "" for none.
        text: free text, "" for none.
        extra: further (facet, value) pairs.

    Returns:
        (image text, mask text): "a photo of {title} image, with {classes}, {finding}, {text}."
        and the same with "label", the wording of the public MedSegFactory weights.
    """
    prompt = Prompt.about(domain, classes, finding, text, extra)
    return prompt.image_text, prompt.mask_text


@dataclass(frozen=True)
class Prompt:
    """What one pair should show.

    Attributes:
        domain: name of the domain, whose label map the mask follows.
        classes: classes asked for, in the order of the domain.
        extra: further (facet, value) pairs, sorted by facet; of a retrieved text, a given mask and a
            pair that was filled in also where they came from, of a slice also its place in the
            volume.
        replicate: number of this pair among those that ask for the same.
        root: seed of the grid.
        title: the domain's words in the texts.
        empty: what the texts say where no class is asked for.
    """

    domain: str
    modality: str
    anatomy: str
    classes: tuple[str, ...]
    finding: str = ""
    text: str = ""
    extra: Extra = ()
    replicate: int = 0
    root: int = 0
    title: str = field(kw_only=True)
    empty: str = field(default="no finding", kw_only=True)

    @staticmethod
    def about(
        domain: Domain,
        classes: Iterable[str],
        finding: str = "",
        text: str = "",
        extra: Extra = (),
        *,
        replicate: int = 0,
        root: int = 0,
    ) -> Prompt:
        """The prompt of these facets in a domain.

        Raises:
            InputError: if the domain does not know a class.
        """
        return Prompt(
            domain.name,
            domain.modality,
            domain.anatomy,
            tuple(sorted(set(classes), key=domain.index)),
            finding,
            text,
            tuple(sorted(extra)),
            replicate,
            root,
            title=domain.title,
            empty=domain.empty,
        )

    @property
    def conditioning(self) -> Extra:
        """The further (facet, value) pairs that a generator is conditioned on."""
        return tuple(pair for pair in self.extra if pair[0] not in ORIGINS)

    @property
    def retrieved(self) -> str:
        """Name of the training image that the text is the caption of; "" for a text as asked."""
        return dict(self.extra).get(RETRIEVED, "")

    @property
    def mask_origin(self) -> tuple[str, str] | None:
        """Name of the training pair whose mask is given, and the digest of what its warp follows from.

        None where the generator is to draw the mask.
        """
        known = dict(self.extra)
        return (known[MASK_FROM], known[MASK_DIGEST]) if MASK_FROM in known else None

    @property
    def filled(self) -> str:
        """The pair that it is but for a region that was drawn anew; "" where all of it was drawn."""
        return dict(self.extra).get(FILL_OF, "")

    @property
    def place(self) -> Place | None:
        """Where it lies in the volume that it is a slice of; None for a pair of no volume."""
        return Place.of(dict(self.extra))

    @property
    def image_text(self) -> str:
        """The text that conditions the image stream."""
        return self._sentence("image")

    @property
    def mask_text(self) -> str:
        """The text that conditions the mask stream."""
        return self._sentence("label")

    @property
    def digest(self) -> str:
        """SHA-256 over all fields, 64 hex digits: the key of the prompt table."""
        return self.digest_of(self.replicate)

    @property
    def seed(self) -> int:
        """Seed of this pair, in [0, 2**64): the same in every grid, shard, batch and machine."""
        return self.seed_of(self.replicate)

    def digest_of(self, replicate: int) -> str:
        """The digest of another replicate, which shares the costly part of the work."""
        return hashlib.sha256(self._worded + str(replicate).encode()).hexdigest()

    def seed_of(self, replicate: int) -> int:
        """The seed of another replicate."""
        # Not hash(), which Python salts; not an index, which a new facet would shift; and not
        # the title, whose correction must not redraw every pair.
        name = self._asked + str(replicate).encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")

    def facets(self) -> dict[str, str]:
        """The columns that describe a pair made from this prompt."""
        return {
            "prompt": self.digest,
            "seed": str(self.seed),
            "domain": self.domain,
            "modality": self.modality,
            "anatomy": self.anatomy,
            "labels": ";".join(self.classes),
            "finding": self.finding,
            "text": self.text,
            **dict(self.extra),
        }

    def _sentence(self, noun: str) -> str:
        further = [f"{name} {value}" for name, value in self.conditioning if value]
        words = [*(self.classes or [self.empty]), self.finding, self.text, *further]
        # A set whose free text only repeats the finding must not be given it twice.
        shown = ", ".join(dict.fromkeys(word for word in words if word))
        return f"a photo of {self.title} {noun}, with {shown}."

    @cached_property
    def _asked(self) -> bytes:
        """The identity of all replicates: what is asked for, and the root seed, but no wording."""
        parts = [self.root, self.domain, self.modality, self.anatomy, self.classes]
        return json.dumps([*parts, self.finding, self.text, self.extra]).encode()

    @cached_property
    def _worded(self) -> bytes:
        return self._asked + json.dumps([self.title, self.empty]).encode()
