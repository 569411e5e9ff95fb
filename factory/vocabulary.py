"""The known domains: modality, anatomy, label map and findings, each under one name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from factory.errors import InputError

BACKGROUND = "background"
VOCABULARY_FORMAT = 1
# Class names are joined with these in prompts and tables.
RESERVED = re.compile(r"[;,\n]")


class Domain(BaseModel):
    """One kind of image with its label map; class i of `classes` has mask index i + 1.

    Attributes:
        name: kebab-case identifier, the one thing that says which label map a mask follows.
        title: the words of the prompt, as in "a photo of {title} image".
        findings: finding -> classes that an image with this finding shows (empty: none).
        empty: what the prompt says of an image that shows no class.
        window: intensities (low, high) mapped to 0..255; None takes each volume's own
            0.5 and 99.5 percentiles.
        colour: whether the images are RGB by nature.
        codec: how masks of this domain are coded for the autoencoder.
        phantom: whether images are drawn rather than acquired.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = Field(min_length=1)
    modality: str
    anatomy: str
    specialty: str = ""
    classes: tuple[str, ...] = Field(min_length=1, max_length=255)
    findings: dict[str, tuple[str, ...]] = {}
    empty: str = "no finding"
    window: tuple[float, float] | None = None
    colour: bool = False
    codec: Literal["lattice", "grey"] = "lattice"
    phantom: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.classes)) < len(self.classes) or BACKGROUND in self.classes:
            raise ValueError(
                f"domain {self.name}: classes {self.classes} repeat a name or list the background"
            )
        for name in self.classes:
            if not name or RESERVED.search(name):
                raise ValueError(f"domain {self.name}: class {name!r} is empty or holds , or ;")
        for finding, shown in self.findings.items():
            if unknown := set(shown) - set(self.classes):
                raise ValueError(f"domain {self.name}: finding {finding} shows unknown {unknown}")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of every mask index, "background" first."""
        return (BACKGROUND, *self.classes)

    @property
    def label_map(self) -> dict[str, int]:
        """Class name -> mask index, background included."""
        return {name: index for index, name in enumerate(self.class_names)}

    def index(self, name: str) -> int:
        """Mask index of a class, 1 for the first; 0 for "background".

        Raises:
            InputError: if this domain has no such class.
        """
        if name not in self.label_map:
            raise unknown_name("class", name, self.classes, f"domain {self.name}")
        return self.label_map[name]

    def shown(self, finding: str) -> tuple[str, ...]:
        """Classes an image with this finding shows; all classes where no finding is given.

        Raises:
            InputError: if this domain has no such finding.
        """
        if not finding:
            return self.classes
        if finding not in self.findings:
            raise unknown_name("finding", finding, self.findings, f"domain {self.name}")
        return self.findings[finding]


@dataclass(frozen=True)
class Vocabulary:
    """All known domains, by name."""

    domains: Mapping[str, Domain]

    def domain(self, name: str) -> Domain:
        """The domain of this name.

        Raises:
            InputError: if there is none; the nearest known name is given.
        """
        if name not in self.domains:
            raise unknown_name("domain", name, self.domains, "the vocabulary")
        return self.domains[name]

    def candidates(self, modality: str, anatomy: str, labels: Iterable[str]) -> list[Domain]:
        """Domains of acquired images of this modality and anatomy that know all these labels.

        Case and remarks in brackets do not count: "microscopy (brightfield)" is "Microscopy".
        A domain whose classes are exactly the labels is preferred to larger ones.
        """
        asked = set(labels)
        fitting = [
            domain
            for domain in self.domains.values()
            if not domain.phantom
            and plain(domain.modality) == plain(modality)
            and plain(domain.anatomy) == plain(anatomy)
            and asked <= set(domain.classes)
        ]
        return [domain for domain in fitting if asked == set(domain.classes)] or fitting

    def match(self, modality: str, anatomy: str, labels: Iterable[str]) -> Domain:
        """The one domain of this modality, anatomy and labels.

        Raises:
            InputError: if none fits, or more than one.
        """
        asked = tuple(labels)
        found = self.candidates(modality, anatomy, asked)
        if len(found) == 1:
            return found[0]
        what = f"{modality or 'no modality'}, {anatomy or 'no anatomy'}, {'; '.join(asked)}"
        fit = "none" if not found else " and ".join(domain.name for domain in found)
        raise InputError(
            f"{what}: {fit} of the known domains fits, so the class indices stay unclear; "
            f"set domain to one of {', '.join(self.domains)}"
        )


def plain(words: str) -> str:
    """Words without case and bracketed remarks, for comparison only."""
    return " ".join(re.sub(r"\([^)]*\)", " ", words).casefold().split())


def unknown_name(kind: str, name: str, known: Iterable[str], where: str) -> InputError:
    """The error for a name nobody knows: what arrived, and the nearest known one."""
    names = list(known)
    lowered = {candidate.casefold(): candidate for candidate in names}
    close = get_close_matches(name.casefold(), lowered, n=1, cutoff=0.5)
    if close:
        hint = f"nearest known: {lowered[close[0]]!r}"
    else:
        hint = f"known: {', '.join(names) if names else 'none'}"
    return InputError(f"unknown {kind} {name!r} in {where}; {hint}")


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary that comes with the package."""
    text = Path(__file__).with_name("vocabulary.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    if content["format"] != VOCABULARY_FORMAT:
        raise ValueError(f"vocabulary.yaml has format {content['format']}, not {VOCABULARY_FORMAT}")
    domains = [Domain.model_validate(entry) for entry in content["domains"]]
    return Vocabulary({domain.name: domain for domain in domains})
