"""Where a slice lies in the volume that it is made for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

# What a slice's prompt keeps of its volume; none of it is a condition.
VOLUME, SLICE, SLICES = "volume", "slice", "slices"
SLICE_MM, ORIENTATION, COHERENCE = "slice_mm", "orientation", "coherence"
PLACE = (VOLUME, SLICE, SLICES, SLICE_MM, ORIENTATION, COHERENCE)


@dataclass(frozen=True)
class Place:
    """A slice of a volume.

    Attributes:
        volume: name of the volume: its seed as 16 hex digits.
        slice: its number, 0 for the lowest.
        slices: of the volume.
        slice_mm: from one slice to the next, NaN where unknown.
        orientation: which way columns, rows and slices run, see `factory.orientation`.
        coherence: slices over which starting noise becomes another.
    """

    volume: str
    slice: int
    slices: int
    slice_mm: float
    orientation: str
    coherence: float

    @staticmethod
    def of(extra: Mapping[str, str]) -> Place | None:
        """The place that the further facets of a prompt say; None for a pair of no volume."""
        if VOLUME not in extra:
            return None
        return Place(
            extra[VOLUME],
            int(extra[SLICE]),
            int(extra[SLICES]),
            float(extra[SLICE_MM] or math.nan),
            extra.get(ORIENTATION, ""),  # stores of before it was kept lack it
            float(extra[COHERENCE]),
        )

    @property
    def facets(self) -> tuple[tuple[str, str], ...]:
        """The same as (facet, value) pairs, from which `of` makes it again."""
        mm = f"{self.slice_mm:g}" if math.isfinite(self.slice_mm) else ""
        numbers = str(self.slice), str(self.slices), mm
        values = self.volume, *numbers, self.orientation, f"{self.coherence:g}"
        return tuple(zip(PLACE, values, strict=True))

    @property
    def seed(self) -> int:
        """Of the whole volume, in [0, 2**64): all of its slices share the warp that it draws."""
        return int(self.volume, 16)

    @property
    def noise(self) -> tuple[int, int, float]:
        """Two seeds, and how far the slice lies on the way from one's noise to the other's.

        The seeds stand `coherence` slices apart through the volume, so that neighbours start from
        nearly the same noise, and slices far apart from independent noise.
        """
        at = self.slice / self.coherence
        node = math.floor(at)
        return self._seed(str(node)), self._seed(str(node + 1)), at - node

    @property
    def detail(self) -> int:
        """The seed of its finest detail, independent of that of any other slice."""
        return self._seed(f"detail/{self.slice}")

    def _seed(self, what: str) -> int:
        name = f"{self.volume}/{what}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
