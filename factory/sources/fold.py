"""One fold of a source: some of its patients are held out, the others are there to learn from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from factory.errors import InputError
from factory.form import any_of
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import Source, SourceSpec
from factory.sources.plain import PLAIN_SOURCES
from factory.sources.splits import Split, rank
from factory.sources.union import Union, UnionSource
from factory.vocabulary import Domain

if TYPE_CHECKING:
    Undivided = SourceSpec
else:
    Undivided = any_of([*PLAIN_SOURCES.values(), UnionSource])
REASSIGNED: tuple[Split, ...] = ("train", "val")


class FoldSource(SourceSpec):
    """Recipe section of a source whose patients are dealt into folds, one of them held out.

    Training and validation images are dealt anew; the test split stays what it is. Each part of a
    union is dealt by itself, and patients of one finding in turn, so that every fold holds its
    share of each.

    Attributes:
        source: what is dealt.
        folds: into how many.
        fold: the one that is held out as validation split, 1 for the first.
    """

    holds_out: ClassVar[bool] = True

    kind: Literal["fold"] = "fold"
    source: Undivided
    folds: Annotated[int, Field(ge=2)]
    fold: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _can_be_dealt(self) -> Self:
        if self.fold > self.folds:
            raise InputError(f"fold {self.fold} of {self.folds} does not exist; the first is 1")
        if self.source.limited:
            raise InputError(
                "the source takes only some training images, and folds train on other ones each; "
                "leave limit out"
            )
        return self

    def build(self) -> Source:
        """The source itself.

        Raises:
            InputError: if what is dealt cannot be built.
        """
        whole = self.source.build()
        if isinstance(whole, Union):
            return Union({name: self._of(part) for name, part in whole.parts.items()})
        return self._of(whole)

    def _of(self, whole: Source) -> Fold:
        return Fold(whole, self.folds, self.fold)


@dataclass(frozen=True, eq=False)
class Fold:
    """A Source of the images of another one, dealt anew.

    Of one reading of the whole come both splits; the one not asked for yet is kept until it is.

    Attributes:
        whole: what is dealt.
        folds: into how many.
        fold: the one held out, from 1.
    """

    whole: Source
    folds: int
    fold: int
    _kept: dict[tuple[Split, ImageSection], PairBatch] = field(default_factory=dict)

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Those of the whole."""
        return self.whole.domains

    @cached_property
    def digest(self) -> str:
        """Digest of the whole and of which fold is held out."""
        identity = ("fold", self.whole.digest, self.folds, self.fold)
        return hashlib.sha256(repr(identity).encode()).hexdigest()

    @property
    def licence(self) -> str:
        """That of the whole."""
        return self.whole.licence

    def problems(self, image: ImageSection) -> list[str]:
        """Those of the whole."""
        return self.whole.problems(image)

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """The fold as validation split, all others as training split; the test split as it is.

        Raises:
            InputError: if a domain has fewer patients than there are folds.
        """
        if split == "test":
            return self.whole.read(split, image)
        if (split, image) not in self._kept:
            whole = PairBatch.concatenate([self.whole.read(each, image) for each in REASSIGNED])
            held = fold_of(whole.facets, self.folds, self.whole.units) == self.fold
            for name, rows in zip(REASSIGNED, (~held, held), strict=True):
                pairs = whole[rows]
                of_split = replace(pairs, facets=pairs.facets.assign(split=name))
                self._kept[name, image] = of_split
        return self._kept.pop((split, image))

    @property
    def parts_digests(self) -> tuple[str, ...]:
        """Those of the whole."""
        return self.whole.parts_digests

    @property
    def units(self) -> Mapping[str, str]:
        """Those of the whole."""
        return self.whole.units


def fold_of(facets: pd.DataFrame, folds: int, units: Mapping[str, str]) -> NDArray[np.intp]:
    """(N,) fold of each row, from 1; rows of one unit share one.

    Units are lined up by domain and finding (of several, the first by name), at random within one,
    and dealt in turn.

    Args:
        facets: of the rows.
        folds: how many.
        units: name of an image or volume -> its unit, where images were found to be alike; else it
            is the patient, without one the volume, and without that the image.

    Raises:
        InputError: if a domain has fewer units than there are folds.
    """
    rows = facets[["name", "volume", "patient", "domain", "finding"]].itertuples(index=False)
    own, kinds = [], dict[str, tuple[str, str]]()
    for name, volume, patient, domain, finding in rows:
        unit = units.get(name) or units.get(volume) or patient or volume or name
        kinds[unit] = min(kinds.get(unit, (domain, finding)), (domain, finding))
        own.append(unit)
    for domain, count in Counter(domain for domain, _ in kinds.values()).items():
        if count < folds:
            raise InputError(
                f"{folds} folds are asked for of {count} patients of {domain}: a patient must not "
                "be in two; ask for fewer folds, or have more patients"
            )
    line = sorted(kinds, key=lambda unit: (kinds[unit], rank(unit, seed=0)))
    dealt = {unit: place % folds + 1 for place, unit in enumerate(line)}
    return np.array([dealt[unit] for unit in own])
