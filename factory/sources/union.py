"""Several sources as one: more hospitals, or more kinds of image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, StringConstraints

from factory.errors import InputError
from factory.form import any_of
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import Source, SourceSpec
from factory.sources.plain import PLAIN_SOURCES
from factory.sources.splits import Split
from factory.vocabulary import Domain

if TYPE_CHECKING:
    PartSection = SourceSpec
else:
    PartSection = any_of(PLAIN_SOURCES.values())
PartName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class UnionSource(SourceSpec):
    """Recipe section of several sources read as one.

    Image and patient names begin with the part's name, "shenzhen/MCUCXR_0001", so patients of two
    parts are never taken for one, and the name says where an image came from. Each part keeps its
    own splits; parts that hold the same patients leak unseen, so list every data set once.

    Attributes:
        parts: name -> section of a source, which takes what it takes alone.
    """

    kind: Literal["union"] = "union"
    parts: Annotated[dict[PartName, PartSection], Field(min_length=2)]

    @property
    def limited(self) -> bool:
        """Whether any part takes only some of its training patients."""
        return any(part.limited for part in self.parts.values())

    def unlimited(self) -> Self:
        """The same section, taking every training patient."""
        return self.model_copy(update={"parts": {n: p.unlimited() for n, p in self.parts.items()}})

    def single_domain(self, domain: str) -> SourceSpec:
        """The parts that are of one domain alone.

        Raises:
            InputError: if there is none.
        """
        parts = {n: part for n, part in self.parts.items() if {*part.build().domains} == {domain}}
        if not parts:
            return super().single_domain(domain)
        alone = len(parts) == 1
        return next(iter(parts.values())) if alone else self.model_copy(update={"parts": parts})

    def build(self) -> Union:
        """The source itself.

        Raises:
            InputError: naming every part that cannot be built, or two that code one domain
                differently.
        """
        built, wrong = dict[str, Source](), list[str]()
        for name, part in sorted(self.parts.items()):
            try:
                built[name] = part.build()
            except InputError as error:
                wrong.append(f"source.parts.{name}: {error}")
        if wrong:
            raise InputError("; ".join(wrong))
        return Union(built)


@dataclass(frozen=True, eq=False)
class Union:
    """A Source of the pairs of others, part after part.

    Attributes:
        parts: by name, in order of name: how a recipe lists them changes nothing.
    """

    parts: Mapping[str, Source]

    def __post_init__(self) -> None:
        self.domains  # noqa: B018  # parts that disagree are refused at once

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains of all parts, by name; one that several hold has the findings of each.

        Raises:
            InputError: if two parts mean different label maps by one name.
        """
        merged: dict[str, Domain] = {}
        for part, source in self.parts.items():
            for name, domain in source.domains.items():
                merged[name] = _merged(merged.get(name, domain), domain, part)
        return merged

    @cached_property
    def digest(self) -> str:
        """Digest of the parts' names and contents."""
        contents = [(name, source.digest) for name, source in self.parts.items()]
        return hashlib.sha256(repr(("union", contents)).encode()).hexdigest()

    @property
    def licence(self) -> str:
        """Every licence of a part, once."""
        return " | ".join(sorted({source.licence for source in self.parts.values()}))

    @property
    def parts_digests(self) -> tuple[str, ...]:
        """Digest of each part."""
        return tuple(part.digest for part in self.parts.values())

    @property
    def units(self) -> Mapping[str, str]:
        """None: a union is dealt part by part."""
        return {}

    def problems(self, image: ImageSection) -> list[str]:
        """Those of the parts, each behind its part's name."""
        return [
            f"{name}: {line}"
            for name, source in self.parts.items()
            for line in source.problems(image)
        ]

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """The pairs of one split of every part."""
        batches = [_named(name, part.read(split, image)) for name, part in self.parts.items()]
        return PairBatch.concatenate(batches)


def _merged(domain: Domain, other: Domain, part: str) -> Domain:
    names = dict.fromkeys([*domain.findings, *other.findings])
    findings = {name: _shown(name, domain, other) for name in names}
    merged = domain.model_copy(update={"findings": findings})
    if other.model_copy(update={"findings": findings}) != merged:
        raise InputError(
            f"source.parts.{part}: domain {domain.name!r} is not what an earlier part calls so "
            f"({list(other.classes)} here, {list(domain.classes)} there): give one of the parts "
            "another domain"
        )
    return merged


def _shown(finding: str, *domains: Domain) -> tuple[str, ...]:
    """The classes that a finding was seen with in any of some domains of one label map."""
    seen = {name for domain in domains for name in domain.findings.get(finding, ())}
    return tuple(name for name in domains[0].classes if name in seen)


def _named(part: str, pairs: PairBatch) -> PairBatch:
    facets = pairs.facets.copy()
    for column in ("name", "patient", "volume"):
        facets[column] = _prefixed(part, facets[column].tolist())
    return replace(pairs, facets=facets)


def _prefixed(part: str, names: Sequence[str]) -> list[str]:
    """An empty name stays empty: nobody knows the patient."""
    return [f"{part}/{name}" if name else "" for name in names]
