"""Masks of an image that lie over each other: which is painted on top, in every image alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from factory.layouts.layout import FoundRow, some

Shown = Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Overlaps:
    """Which structures share pixels or voxels, over a whole folder.

    Attributes:
        areas: (one, other) -> pixels of the one in all images where it overlaps the other; holds
            both orders of a pair.
    """

    areas: Mapping[tuple[str, str], int]

    @property
    def over(self) -> list[tuple[str, str]]:
        """(upper, lower) of each pair: the smaller, which could vanish, lies on the larger."""
        return [
            (one, other)
            for one, other in self.areas
            if (self.areas[one, other], other) < (self.areas[other, one], one)
        ]

    def stacked(self, rows: Sequence[FoundRow]) -> list[FoundRow]:
        """The rows with the masks of each image from the lowest up; as they are if none overlap."""
        if not self.areas:
            return list(rows)
        level = {name: at for at, name in enumerate(self._from_below(rows))}
        return [
            replace(row, masks=tuple(sorted(row.masks, key=lambda mask: level[mask.structure])))
            for row in rows
        ]

    def _from_below(self, rows: Iterable[FoundRow]) -> Iterator[str]:
        """Every structure after those it lies on, as far as they do not lie on each other in turn."""
        left = sorted({mask.structure for row in rows for mask in row.masks})
        over = self.over
        while left:
            lowest = min(left, key=lambda name: sum((name, other) in over for other in left))
            left.remove(lowest)
            yield lowest

    def told(self) -> Iterator[str]:
        """A sentence about what lies on what; none where nothing overlaps."""
        if pairs := [f"{upper} over {lower}" for upper, lower in sorted(self.over)]:
            yield (
                f"where masks overlap, the smaller structure lies on top: {some(pairs)}; "
                "metadata.csv lists the masks of an image from the lowest up"
            )


def overlaps_of(
    rows: Iterable[FoundRow], shown: Callable[[FoundRow], Shown], progress: Callable[[], None]
) -> Overlaps:
    """Compares the masks of every image with each other.

    Args:
        rows: the images.
        shown: structure -> where a row's masks show it, all of one shape.
        progress: called after every row.
    """
    areas = Counter[tuple[str, str]]()
    for row in rows:
        masks = shown(row)
        for one, other in combinations(masks, 2):
            if (masks[one] & masks[other]).any():
                areas[one, other] += int(masks[one].sum())
                areas[other, one] += int(masks[other].sum())
        progress()
    return Overlaps(areas)
