"""What every source of real or phantom pairs offers, and its recipe section answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict

from factory.errors import InputError
from factory.form import explained
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.splits import Split
from factory.vocabulary import Domain

FACETS = (
    "name",
    "split",
    "patient",
    "domain",
    "modality",
    "anatomy",
    "labels",
    "finding",
    "text",
    "window_low",
    "window_high",
    "volume",
    "slice",
    "slice_mm",
    "orientation",
)
"""Facet columns of source pairs. `labels`: the classes present in the mask, joined by ";".
`window_low`, `window_high`: the intensities that became 0 and 255, NaN when the image came as
8 bit. `volume`, `slice`: where a slice was cut, "" and -1 for an image that was always 2D.
`slice_mm`: from one slice of the volume to the next, NaN where unknown. `orientation`: which way columns,
rows and slices run, see `factory.orientation`, "" where unknown."""


class Source(Protocol):
    """Pairs with split, patient, finding and spacing, in the factory's convention.

    The facet columns of a batch read from a source are FACETS.
    """

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The domains whose pairs this source holds, by name."""

    @property
    def digest(self) -> str:
        """Hexadecimal digest of the content: equal digests mean equal pairs."""

    @property
    def licence(self) -> str:
        """Under what licence the pairs came; "unknown" where nobody said."""

    @property
    def parts_digests(self) -> tuple[str, ...]:
        """Digests of the sources that this one is made of; () for one made of none."""

    @property
    def units(self) -> Mapping[str, str]:
        """Name of an image or volume -> its unit, where images were found to be alike."""

    def problems(self, image: ImageSection) -> list[str]:
        """One line for each thing that keeps pairs from being read at this size; none if all is well."""

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """The pairs of one split at one size, always in the same order."""


class SourceSpec(BaseModel):
    """Recipe section of a source; what is not said otherwise holds for one that takes all it has.

    Attributes:
        kind: name of the source in recipes.
        holds_out: whether it holds real patients out of training that another recipe trains on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=explained)

    holds_out: ClassVar[bool] = False

    kind: str

    @property
    def limited(self) -> bool:
        """Whether only some of the training patients are taken."""
        return False

    def unlimited(self) -> Self:
        """The same section, taking every training patient."""
        return self

    def single_domain(self, domain: str) -> SourceSpec:
        """The section that reads one domain of this source.

        Raises:
            InputError: if the source cannot be told to.
        """
        raise InputError(
            f"no part of the source is of {domain} alone, so no specialist can be trained; use a "
            "union with a part for each domain"
        )

    @abstractmethod
    def build(self) -> Source:
        """The source itself; reads tables, not yet images.

        Raises:
            InputError: if what it names cannot be read.
        """


class LimitedSpec(SourceSpec):
    """Recipe section of a source of which a number of training patients can be taken: `limit`."""

    if TYPE_CHECKING:
        # Each declares it itself: digests follow from the order of the fields.
        limit: int | None

    @property
    def limited(self) -> bool:
        """Whether only some of the training patients are taken."""
        return self.limit is not None

    def unlimited(self) -> Self:
        """The same section, taking every training patient."""
        return self.model_copy(update={"limit": None})
