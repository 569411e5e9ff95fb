"""The source that needs no files: parametric anatomy with exact masks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, field_validator, model_validator

from factory.errors import InputError
from factory.identity import first_named
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import FACETS, LimitedSpec
from factory.sources.phantoms import DEFAULT_PHANTOMS, PHANTOMS, RENDERER_VERSION
from factory.sources.rendering import phantom_domain, render
from factory.sources.splits import SPLITS, Split
from factory.vocabulary import Domain, unknown_name

__all__ = ["PhantomSource", "Phantoms", "paint", "render"]

Count = Annotated[int, Field(ge=1, le=100_000)]  # drawn one by one, before a run begins
LEFT_OUT_VERSION = 2  # raised when images with structures left out change, and whole ones do not


class PhantomSource(LimitedSpec):
    """Recipe section of the phantoms.

    Attributes:
        domains: names of phantom domains; None takes the seven of `DEFAULT_PHANTOMS`.
        train: training images per domain.
        val: validation images per domain.
        test: test images per domain.
        limit: takes this many training images, over all domains; None takes all.
        limit_seed: which ones; a smaller limit of the same seed takes a part of a larger one's.
        seed: of all images; another seed shows other patients.
        structure_dropout: chance of each structure to be missing from a training image.
        findings: of training images, taking turns; one that is named twice comes twice as often.
            None: all of the domain.
    """

    kind: Literal["phantom"] = "phantom"
    domains: tuple[str, ...] | None = Field(default=None, min_length=1)
    train: Count = 64
    val: Count = 16
    test: Count = 32
    limit: Count | None = None
    limit_seed: Annotated[int, Field(ge=0)] = 0
    seed: int = 0
    structure_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    findings: tuple[str, ...] | None = Field(default=None, min_length=1)

    @field_validator("domains")
    @classmethod
    def _known(cls, domains: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in domains or ():
            phantom_domain(name)
        if domains and len(set(domains)) < len(domains):
            raise InputError(f"domains {list(domains)} repeat a name; name each domain once")
        return domains

    @model_validator(mode="after")
    def _shown_there(self) -> Self:
        for domain in map(phantom_domain, self.domain_names if self.findings else ()):
            for finding in self.findings or ():
                if finding not in domain.findings:
                    raise unknown_name("finding", finding, domain.findings, domain.name)
        return self

    @model_validator(mode="after")
    def _enough(self) -> Self:
        there = self.train * len(self.domain_names)
        if self.limit is not None and self.limit > there:
            raise InputError(
                f"limit asks for {self.limit} of {there} training images; "
                f"lower it or raise train, now {self.train} per domain"
            )
        return self

    @property
    def domain_names(self) -> tuple[str, ...]:
        """The domains' names, the default ones where none was given."""
        return self.domains or DEFAULT_PHANTOMS

    def single_domain(self, domain: str) -> PhantomSource:
        """The section that draws one domain of these."""
        return self.model_copy(update={"domains": (domain,)})

    def build(self) -> Phantoms:
        """The source itself."""
        return Phantoms(self)


@dataclass(frozen=True)
class Case:
    """One phantom patient with one image."""

    domain: Domain
    split: Split
    number: int
    findings: tuple[str, ...]

    @property
    def name(self) -> str:
        """Unique name, also the patient's."""
        return f"{self.domain.name}-{self.split}-{self.number:04d}"

    @property
    def finding(self) -> str:
        """Findings take turns, so they are balanced at any count."""
        return self.findings[self.number % len(self.findings)] if self.findings else ""


@dataclass(frozen=True)
class Phantoms:
    """A Source whose images are drawn when they are read, at the size asked for.

    Raising a count adds images and changes none; no seed serves two splits.
    """

    section: PhantomSource
    licence: str = "CC0-1.0"

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The phantom domains of this source, by name."""
        return {name: phantom_domain(name) for name in self.section.domain_names}

    @property
    def parts_digests(self) -> tuple[str, ...]:
        """None: it is made of no other source."""
        return ()

    @property
    def units(self) -> Mapping[str, str]:
        """None: every phantom is a patient of its own."""
        return {}

    @cached_property
    def digest(self) -> str:
        """Digest of what the pixels follow from: renderer, section and label maps."""
        # Phantoms that use neither keep the digest they had before these keys were.
        unused = {
            key for key in ("structure_dropout", "findings") if not getattr(self.section, key)
        }
        content = {
            "renderer": RENDERER_VERSION,
            "section": first_named(self.section.model_dump(exclude={"domains"} | unused)),
            "domains": {name: domain.model_dump() for name, domain in self.domains.items()},
            **({"left_out": LEFT_OUT_VERSION} if self.section.structure_dropout else {}),
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def problems(self, image: ImageSection) -> list[str]:
        """None: there are no files."""
        return []

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """Draws one split, domain by domain."""
        cases = self._cases(split)
        shown = [self._shown(case) for case in cases]
        drawn = [
            paint(case.domain, case.finding, classes, self._seed(case), image)
            for case, classes in zip(cases, shown, strict=True)
        ]
        masks = np.stack([mask for _, mask in drawn])
        rows = [
            _facets(case, mask, whole=classes is None)
            for case, mask, classes in zip(cases, masks, shown, strict=True)
        ]
        return PairBatch(
            np.stack([picture for picture, _ in drawn]),
            masks,
            pd.DataFrame(rows, columns=list(FACETS)),
            np.array([spacing_mm(case.domain.name, image.size) for case in cases], np.float32),
            np.ones(len(cases), bool),
        )

    def _cases(self, split: Split) -> list[Case]:
        count = getattr(self.section, split)
        turns = self.section.findings if split == "train" else None
        cases = [
            Case(domain, split, number, turns or tuple(domain.findings))
            for domain in self.domains.values()
            for number in range(count)
        ]
        if split != "train" or self.section.limit is None:
            return cases
        order = np.random.default_rng(self.section.limit_seed).permutation(len(cases))
        return [cases[at] for at in sorted(order[: self.section.limit])]

    def _shown(self, case: Case) -> tuple[str, ...] | None:
        """The structures that a training image shows where some are left out; None: all."""
        classes = case.domain.shown(case.finding)
        if case.split != "train" or not self.section.structure_dropout or not classes:
            return None
        draw = np.random.default_rng([self._seed(case), 1])
        kept = tuple(name for name in classes if draw.random() >= self.section.structure_dropout)
        return None if kept == classes else kept or (classes[int(draw.integers(len(classes)))],)

    def _seed(self, case: Case) -> int:
        """Seed below 2**64; its remainder by the number of splits tells the split."""
        name = f"{self.section.seed}|{case.domain.name}|{case.number}|{case.split}"
        drawn = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")
        return drawn * len(SPLITS) + SPLITS.index(case.split)


def paint(
    domain: Domain, finding: str, classes: tuple[str, ...] | None, seed: int, image: ImageSection
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Renders a pair in the size and colour of a recipe.

    Returns:
        image (S, S, C) uint8 and mask (S, S) uint8. A grey phantom is repeated to three channels;
        a coloured one becomes grey by ITU-R 601 luma.
    """
    picture, mask = render(domain.name, finding, classes, seed, image.size)
    if picture.shape[-1] == image.channels:
        return picture, mask
    if image.channels == 3:
        return np.repeat(picture, 3, axis=-1), mask
    return np.asarray(Image.fromarray(picture).convert("L"))[..., None].copy(), mask


def spacing_mm(domain: str, size: int) -> tuple[float, float]:
    """Pixel spacing (row, column) in mm of a phantom image of this size."""
    spacing = PHANTOMS[domain].field_mm / size
    return spacing, spacing


def _facets(case: Case, mask: NDArray[np.uint8], *, whole: bool) -> dict[str, object]:
    names = case.domain.class_names
    present = [names[index] for index in np.unique(mask) if index]
    return {
        "name": case.name,
        "split": case.split,
        "patient": case.name,
        "domain": case.domain.name,
        "modality": case.domain.modality,
        "anatomy": case.domain.anatomy,
        "labels": ";".join(present),
        # A finding says which structures there are, which is wrong where some were left out.
        "finding": case.finding if whole else "",
        "text": "",
        "window_low": float("nan"),
        "window_high": float("nan"),
        "volume": "",
        "slice": -1,
        "slice_mm": float("nan"),
        "orientation": "",
    }
