"""Single pairs to look at: the image, its mask as an outline, and the nearest training image.

A card names its pair by the row it has in the store, so that one can say which pair is meant.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import find_contours

from evaluation.pairs import Pairs, column
from evaluation.report.image_sheets import COLOURS, Classes, Rows
from evaluation.report.wording import domain_words, number

LARGEST = 256  # pixels of a side in the page; pages are mailed
FEW, MANY = 2, 4  # cards of a shelf


@dataclass(frozen=True)
class Outline:
    """A class of a mask: its name, colour, and contour as the path of an SVG."""

    name: str
    colour: str
    path: str


@dataclass(frozen=True)
class Tile:
    """A picture of a card.

    Attributes:
        label: what it is, above it.
        source: a data URI.
        alt: what there is to see.
        width: of the image, in pixels; outlines count in these.
        height: likewise.
        outlines: drawn over it.
    """

    label: str
    source: str
    alt: str
    width: int
    height: int
    outlines: tuple[Outline, ...] = ()


@dataclass(frozen=True)
class Card:
    """A pair: its name, what is to be known of it, and its pictures."""

    name: str
    notes: tuple[str, ...]
    tiles: tuple[Tile, ...]

    @property
    def legend(self) -> tuple[Outline, ...]:
        """The classes that its outlines show, once each."""
        named = {each.name: each for tile in self.tiles for each in tile.outlines}
        return tuple(named.values())


@dataclass(frozen=True)
class Shelf:
    """Cards under a title."""

    key: str
    title: str
    caption: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, eq=False)
class Beside:
    """What the cards of some pairs show beside them.

    Attributes:
        classes: domain -> names of its classes.
        table: a row per pair: dice, nearest, nearest_distance, copied, whichever is known.
        train: real training pairs; None where these may not be shown.
    """

    classes: Classes
    table: pd.DataFrame
    train: Pairs | None = None


def accepted_shelves(pairs: Pairs, beside: Beside, *, seed: int = 0) -> tuple[Shelf, ...]:
    """The best, typical and worst pairs by the judge's Dice; random ones where there is none."""
    dice = _numbers(beside.table, "dice", len(pairs))
    order = np.argsort(dice, kind="stable")[: int(np.isfinite(dice).sum())]
    if not len(order):
        at = np.random.default_rng(seed).permutation(len(pairs))[:MANY]
        shelf = Shelf("random", "Pairs", "Drawn at random.", cards(pairs, np.sort(at), beside))
        return (shelf,) if len(at) else ()
    middle = np.argsort(np.abs(np.arange(len(order)) - len(order) // 2), kind="stable")
    groups = (
        ("best", "Best pairs", "Their masks agree most with a judge of real pairs.",
         order[::-1][:FEW]),
        ("typical", "Typical pairs", "Half of all agree less, half more.", order[middle[:FEW]]),
        ("worst", "Worst accepted pairs", "Their masks agree least; look here first.",
         order[:MANY]),
    )  # fmt: skip
    return tuple(
        Shelf(key, title, caption, cards(pairs, at, beside)) for key, title, caption, at in groups
    )


def rejected_shelf(pairs: Pairs, reasons: Sequence[str], beside: Beside) -> Shelf:
    """Rejected pairs, of as many reasons as there is room for.

    Args:
        pairs: N rejected pairs.
        reasons: of each, in words.
        beside: what stands beside them.
    """
    turn = pd.Series(list(reasons)).groupby(list(reasons)).cumcount().to_numpy()
    at = np.lexsort((np.array(reasons), turn))[:MANY]
    chosen = cards(pairs, at, beside, notes=[f"rejected: {reasons[i]}" for i in at])
    caption = f"{len(at)} of {len(pairs)}; they are kept, and belong to no version."
    return Shelf("rejected", "Rejected pairs", caption, chosen)


def cards(pairs: Pairs, at: Rows, beside: Beside, *, notes: Sequence[str] = ()) -> tuple[Card, ...]:
    """The cards of some pairs.

    Args:
        pairs: any.
        at: index of those shown.
        beside: what stands beside them.
        notes: a first note on each, if there is one.
    """
    return tuple(
        _card(pairs, int(i), beside, notes[place : place + 1]) for place, i in enumerate(at)
    )


def pair_tiles(pairs: Pairs, i: int, classes: Classes, when: str = "") -> tuple[Tile, ...]:
    """The image of a pair, and the same with its mask as an outline where it has one.

    Args:
        pairs: any.
        i: which.
        classes: domain -> names.
        when: put before both labels, for example "before".
    """
    what = " ".join(filter(None, (domain_words(_of(pairs, "domain", i)), _of(pairs, "finding", i))))
    image = tile(pairs.images[i], f"{when} image".strip(), f"Synthetic image, {what}".strip(", "))
    if not pairs.has_mask[i]:
        return (image,)
    names = classes.get(_of(pairs, "domain", i), ())
    drawn = outlines(pairs.masks[i], names)
    shown = ", ".join(each.name for each in drawn) or "nothing"
    alt = f"The same image with the outline of {shown}"
    masked = Tile(f"{when} mask".strip(), image.source, alt, image.width, image.height, drawn)
    return image, masked


def tile(image: NDArray[np.uint8], label: str, alt: str) -> Tile:
    """An image (H, W, C) as a tile; large ones are made smaller, outlines keep its pixels."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Tile(label, uri, alt, width, height)


def outlines(mask: NDArray[np.uint8], names: Sequence[str]) -> tuple[Outline, ...]:
    """The contours of the classes that a mask shows.

    Args:
        mask: (H, W) class indices, 0 = background.
        names: of class 1, 2, …
    """
    return tuple(
        Outline(_class_name(names, index), class_colour(index), _path(mask == index))
        for index in map(int, np.unique(mask[mask > 0]))
    )


def _card(pairs: Pairs, i: int, beside: Beside, first: Sequence[str]) -> Card:
    row = _of(pairs, "row", i) or str(i)
    said = _said(beside.table, i)
    what = [domain_words(_of(pairs, "domain", i)), _of(pairs, "finding", i)]
    about = " · ".join(filter(None, what))
    notes = filter(None, (*first, about, _agreement(said), _nearness(said)))
    tiles = pair_tiles(pairs, i, beside.classes)
    return Card(f"row {row}", tuple(notes), (*tiles, *_nearest(beside.train, said)))


def _said(table: pd.DataFrame, i: int) -> dict[str, float]:
    """The numbers that are known of a pair."""
    line = {} if i >= len(table) else {str(k): float(v) for k, v in table.iloc[i].items()}
    return {name: value for name, value in line.items() if np.isfinite(value)}


def _nearest(train: Pairs | None, said: Mapping[str, float]) -> tuple[Tile, ...]:
    if train is None or "nearest" not in said:
        return ()
    image = train.images[int(said["nearest"])]
    return (tile(image, "nearest real", "The nearest real training image, to compare"),)


def _agreement(said: Mapping[str, float]) -> str:
    return f"Dice {number(said['dice'])}" if "dice" in said else ""


def _nearness(said: Mapping[str, float]) -> str:
    if "nearest_distance" not in said:
        return ""
    copied = ", near copy" if said.get("copied") else ""
    return f"distance to nearest {said['nearest_distance']:.2f}{copied}"


def _numbers(table: pd.DataFrame, name: str, count: int) -> NDArray[np.float64]:
    if name not in table:
        return np.full(count, np.nan)
    return table[name].to_numpy(np.float64)


def _of(pairs: Pairs, name: str, i: int) -> str:
    return str(column(pairs, name)[i])


def _class_name(names: Sequence[str], index: int) -> str:
    return names[index - 1] if index <= len(names) else f"class {index}"


def class_colour(index: int) -> str:
    """The colour "#rrggbb" of a class by its index, 1 for the first."""
    red, green, blue = (int(part) for part in COLOURS[(index - 1) % len(COLOURS)])
    return f"#{red:02x}{green:02x}{blue:02x}"


def _path(shape: NDArray[np.bool_]) -> str:
    """Contours between pixels, in units of pixels from the upper left corner."""
    padded = np.pad(shape, 1).astype(np.float64)
    lines = (line - 0.5 for line in find_contours(padded, 0.5))
    return " ".join("M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in line) + "Z" for line in lines)
