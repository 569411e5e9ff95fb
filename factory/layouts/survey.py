"""What the files of a data set hold: sizes, colours and mask values, and everything that is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.images import SMALLEST_SIDE
from factory.layouts.layout import FoundRow, some
from factory.sources.decoding import name_in
from factory.sources.files.stack import Stack
from factory.sources.image_files import read_stack
from factory.sources.mask_parts.compose import compose
from factory.sources.mask_parts.part import MaskPart

# A picture counts as coloured where so many of its pixels are so far from grey.
COLOURED_SHARE, COLOURED_BY = 0.05, 16
MOST_CLASSES = 32  # beyond, the values of masks are numbers of objects, or grey levels

WHITE = 255  # how a mask of one class is often drawn

Values = frozenset[int]


@dataclass
class Survey:
    """What was seen so far.

    Attributes:
        slices: of all images together.
        sides: height and width of every image.
        volumes: images that are volumes.
        coloured: images that are coloured.
        values: for every image the values of its mask, 0 left out.
        shown: how many slices show exactly these values.
        faults: what is wrong -> names of the files of which it is.
    """

    slices: int = 0
    sides: list[tuple[int, int]] = field(default_factory=list)
    volumes: int = 0
    coloured: int = 0
    values: list[Values] = field(default_factory=list)
    shown: Counter[Values] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def classes(self) -> tuple[int, ...]:
        """All values of masks."""
        return tuple(sorted(frozenset[int]().union(*self.values)))

    @property
    def problems(self) -> list[str]:
        """One line for each fact, with the first files of which it holds."""
        lines = [f"{fact}: {some(names)}" for fact, names in self.faults.items()]
        if not lines and len(self.classes) > MOST_CLASSES:
            lines.append(
                f"the masks hold {len(self.classes)} different values, so they seem to number "
                "objects, or to be pictures; write one value or colour per class (0 or black is "
                "background)"
            )
        if not lines and not self.classes:
            lines.append("every mask is empty: there is no class to learn; correct the masks")
        return lines

    @property
    def doubts(self) -> list[str]:
        """What may be meant otherwise than it is read."""
        if set(self.classes) != {1, WHITE} or any(len(values) > 1 for values in self.shown):
            return []
        said = f"some masks hold 0 and 1, others 0 and {WHITE}, which are read as two classes"
        return [f"{said}: where both mean the same, write it in one way"]


def survey(
    folder: Path,
    rows: Sequence[FoundRow],
    parts: Callable[[FoundRow], Sequence[MaskPart]],
    values: Mapping[str, int],
    progress: Callable[[], None],
) -> Survey:
    """Reads every image and mask once.

    Args:
        folder: of the data set.
        rows: the images.
        parts: the parts of a row's mask.
        values: class name -> value, for masks that name their classes.
        progress: called after every row.
    """
    seen = Survey()
    for row in rows:
        seen.values.append(frozenset())
        image = _try(seen, row, partial(read_stack, folder / row.image, row.image))
        named = partial(name_in, folder)
        mask = _try(seen, row, partial(compose, parts(row), values, named, folder / row.image))
        if image is not None:
            _note_image(seen, image)
        if image is not None and mask is not None:
            _note_mask(seen, row, image, mask)
        progress()
    return seen


def _try(seen: Survey, row: FoundRow, reading: Callable[[], Stack]) -> Stack | None:
    try:
        return reading()
    except InputError as error:
        name, fact = _fact(str(error), row)
        seen.faults[fact].append(name)
        return None


def _fact(message: str, row: FoundRow) -> tuple[str, str]:
    """The file that a message begins with, and what it says of it: equal facts are listed once."""
    for name in (row.image, *(mask.path for mask in row.masks)):
        if message.startswith(name):
            return name, message.removeprefix(name).lstrip(": ")
    return row.image, message


def _note_image(seen: Survey, image: Stack) -> None:
    count, height, width = image.size
    seen.slices += count
    seen.sides.append((height, width))
    seen.volumes += image.volume
    seen.coloured += _coloured(image.pixels)


def _coloured(pixels: NDArray[Any]) -> bool:
    if pixels.ndim < 4:
        return False
    small = pixels[..., :: max(1, pixels.shape[1] // 64), :: max(1, pixels.shape[2] // 64), :3]
    spread = np.ptp(small.astype(np.int32), axis=-1)
    return bool((spread > COLOURED_BY).mean() > COLOURED_SHARE)


def _note_mask(seen: Survey, row: FoundRow, image: Stack, mask: Stack) -> None:
    for fact in _misfits(image, mask):
        seen.faults[fact].append(row.image)
        return
    found = [frozenset(int(value) for value in np.unique(each) if value) for each in mask.pixels]
    seen.values[-1] = frozenset[int]().union(*found)
    seen.shown.update(found)


def _misfits(image: Stack, mask: Stack) -> Iterator[str]:
    if image.size != mask.size:
        yield "image and mask differ in size, and must lie on one grid; export both at one size"
    elif min(image.size[1:]) < SMALLEST_SIDE:
        yield (
            f"images have fewer than {SMALLEST_SIDE} pixels on a side, and no anatomy is left to "
            f"learn; leave them out or export them larger{image.unusual_cut}"
        )
