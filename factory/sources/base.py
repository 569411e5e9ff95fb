"""What every source of real or phantom pairs offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.splits import Split
from factory.vocabulary import Domain


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
)
"""Facet columns of source pairs. `labels`: the classes present in the mask, joined by ";".
`window_low`, `window_high`: the intensities that became 0 and 255, NaN when the image came as
8 bit. `volume`, `slice`: where a slice was cut, "" and -1 for an image that was always 2D."""
