"""Pictures of pairs: contact sheets, best and worst, and the nearest training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea
from numpy.typing import NDArray

from evaluation.pairs import Images, Masks, Pairs, by_domain, column
from evaluation.report.charts import LABEL, LIGHTBOX, Picture

Classes = Mapping[str, Sequence[str]]  # domain -> names of its classes
Tiles = NDArray[np.uint8]  # (N, H, W, 3)
Rows = NDArray[np.intp]

# Distinct on grey tissue, the first ones most: data sets of few classes are the rule.
COLOURS = np.array(
    [
        *((255, 183, 77), (77, 208, 225), (240, 98, 146), (174, 213, 129), (149, 117, 205)),
        *((255, 241, 118), (229, 115, 115), (77, 182, 172), (121, 134, 203), (220, 231, 117)),
        *((186, 104, 200), (255, 138, 101), (79, 195, 247), (161, 136, 127), (144, 164, 174)),
    ],
    np.float32,
)
PER_ROW, FEWEST = 8, 6  # tiles; a title may be as wide as the fewest
SHEETS = ("finding", "labels", "text")  # facets that a sheet may go by
MOST_VALUES = 12
TILE, TITLE, NOTE, GAP = 1.28, 0.34, 0.22, 0.02  # inches


@dataclass(frozen=True, eq=False)
class Strip:
    """A titled row of tiles, and below it a row of tiles that belong to them, if there are any."""

    title: str
    upper: Tiles
    lower: Tiles
    legend: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def height(self) -> float:
        """In inches."""
        rows = 2 if len(self.lower) else 1
        return TITLE + rows * (TILE + GAP) + (NOTE if self.notes else 0)


def overlay(images: Images, masks: Masks) -> Tiles:
    """(N, H, W, 3) images with every class outlined in its colour; nothing covers what is inside."""
    colour = COLOURS[(masks.astype(np.intp) - 1) % len(COLOURS)].astype(np.uint8)
    return np.where(_outline(masks)[..., None], colour, _rgb(images))


def sheet_facets(pairs: Pairs) -> list[str]:
    """The facets that are worth a contact sheet each: the finding, and what divides otherwise.

    That is a column of two to twelve values which does not divide the pairs as an earlier one.
    """
    found, divisions = ["finding"], [_division(pairs, "finding")]
    for name in SHEETS[1:]:
        groups = _division(pairs, name)
        if 1 < len(set(column(pairs, name))) <= MOST_VALUES and groups not in divisions:
            found.append(name)
            divisions.append(groups)
    return found


def contact_sheet(
    pairs: Pairs, classes: Classes, *, facet: str = "finding", seed: int = 0
) -> Picture:
    """Random pairs of every domain and facet value: the image, below it image and mask.

    Args:
        pairs: of any domains.
        classes: for the legend.
        facet: column of which every value gets a row of up to 8 pairs.
        seed: of the choice.
    """
    rng, shown = np.random.default_rng(seed), 0
    strips = []
    for domain, at in by_domain(pairs):
        values = column(pairs, facet)[at]
        for value in sorted(set(values)):
            chosen = rng.permutation(at[values == value])[:PER_ROW]
            shown += len(chosen)
            title = " · ".join(filter(None, (domain, str(value)))) or "all pairs"
            strips.append(_pair_strip(pairs, chosen, title, classes.get(domain, ())))
    by = "" if facet == "finding" else f", by {facet}"
    return Picture(
        "pairs" if facet == "finding" else f"pairs-by-{facet}",
        f"Pairs, drawn at random{by}",
        "Each column is one pair: the image, and below it the same image with its mask, if any. "
        f"{shown} of {len(pairs)} pairs.",
        _sheet(strips),
    )


def extremes(pairs: Pairs, dice: NDArray[np.float64], *, count: int = PER_ROW) -> Picture:
    """The pairs that the judge agrees with least and most.

    Args:
        pairs: N pairs.
        dice: (N,) judge against mask; pairs with NaN are left out.
        count: of each kind.
    """
    order = np.argsort(dice, kind="stable")[: int(np.isfinite(dice).sum())]
    strips = []
    for title, at in (("least agreement", order[:count]), ("most agreement", order[::-1][:count])):
        notes = [f"{value:.3f}" for value in dice[at]]
        strips.append(_pair_strip(pairs, at, title, (), notes))
    return Picture(
        "extremes",
        "Pairs the judge agrees with least and most",
        "The number is the Dice between the pair's mask and what the judge sees in its image, "
        f"among {int(np.isfinite(dice).sum())} pairs with a mask to agree with.",
        _sheet(strips),
    )


def rejected_pairs(pairs: Pairs, reasons: Sequence[str]) -> Picture:
    """Pairs that were made and rejected, a row for each reason.

    Args:
        pairs: N rejected pairs, in any order.
        reasons: of each, in words; those of one reason stand together.
    """
    why = np.array(reasons, object)
    strips = []
    for reason in sorted(set(reasons)):
        at = np.flatnonzero(why == reason)
        title = f"{reason} · {len(at)} pair{'s' if len(at) > 1 else ''}"
        strips.append(_pair_strip(pairs, at[:PER_ROW], title, ()))
    return Picture(
        "rejected",
        "Pairs that were rejected",
        f"Up to {PER_ROW} of each reason, of {len(pairs)} in all; they are kept with the data set "
        "and belong to no version.",
        _sheet(strips),
    )


def nearest_training(
    synthetic: Pairs, train: Pairs, table: pd.DataFrame, *, count: int = PER_ROW
) -> Picture:
    """The synthetic images nearest to a training image, and that image: shows real pixels.

    Args:
        synthetic: N pairs.
        train: all real training pairs.
        table: `VersionScores.pairs` of the same pairs.
        count: images shown.
    """
    closest = table.sort_values("nearest_distance", kind="stable").head(count)
    ours, theirs = closest["pair"].to_numpy(), closest["nearest"].to_numpy()
    strip = Strip(
        "synthetic, nearest first; below each its nearest training image",
        _rgb(synthetic.images[ours]),
        _rgb(train.images[theirs]),
        notes=[
            f"{distance:.2f}{' near copy' if copied else ''}"
            for distance, copied in zip(closest["nearest_distance"], closest["copied"], strict=True)
        ],
    )
    return Picture(
        "nearest-training",
        "Nearest training images",
        "The number is the distance after local contrast normalisation, the smallest over small "
        "shifts: 0 is the same image. The lower row is real. "
        f"{len(ours)} of {len(synthetic)} pairs.",
        _sheet([strip]),
    )


def _division(pairs: Pairs, name: str) -> tuple[int, ...]:
    """Number of the group that each pair falls in, groups being counted as they appear."""
    keys = zip(column(pairs, "domain"), column(pairs, name), strict=True)
    return tuple(int(code) for code in pd.factorize(pd.Index(list(keys), tupleize_cols=False))[0])


def _pair_strip(
    pairs: Pairs, at: Rows, title: str, legend: Sequence[str], notes: Sequence[str] = ()
) -> Strip:
    images, masks = pairs.images[at], pairs.masks[at]
    if not np.any(pairs.has_mask[at]):
        return Strip(title, _rgb(images), _rgb(images[:0]), notes=notes)
    return Strip(title, _rgb(images), overlay(images, masks), legend, notes)


def _sheet(strips: Sequence[Strip]) -> Figure:
    # Names of classes need the whole width, pictures alone no more than they are.
    most = max((PER_ROW if strip.legend else len(strip.upper) for strip in strips), default=0)
    width = min(PER_ROW, max(FEWEST, most)) * (TILE + GAP) + GAP
    height = sum(strip.height for strip in strips) + GAP
    figure = Figure(figsize=(width, height), facecolor=LIGHTBOX)
    top = height
    for strip in strips:
        _draw(figure, strip, top)
        top -= strip.height
    return figure


def _draw(figure: Figure, strip: Strip, top: float) -> None:
    _title(figure, strip, top)
    width, height = figure.get_size_inches()
    for row, tiles in enumerate((strip.upper, strip.lower)):
        bottom = top - TITLE - (row + 1) * (TILE + GAP)
        for place, tile in enumerate(tiles):
            left = GAP + place * (TILE + GAP)
            box = (left / width, bottom / height, TILE / width, TILE / height)
            axes: Axes = figure.add_axes(box)
            axes.imshow(tile)
            axes.set_axis_off()
    for place, note in enumerate(strip.notes):
        x = (GAP + (place + 0.5) * (TILE + GAP)) / width
        y = (top - strip.height + NOTE / 2) / height
        figure.text(x, y, note, color=LABEL, fontsize=8, ha="center", va="center")


def _title(figure: Figure, strip: Strip, top: float) -> None:
    words: list[Artist] = [TextArea(strip.title, textprops={"color": LABEL, "fontsize": 10})]
    for index, name in enumerate(strip.legend):
        colour = COLOURS[index % len(COLOURS)] / 255
        words.append(TextArea(f"■ {name}", textprops={"color": colour, "fontsize": 9}))
    width, height = figure.get_size_inches()
    figure.add_artist(
        AnchoredOffsetbox(
            "center left",
            child=HPacker(children=words, pad=0, sep=10),
            frameon=False,
            borderpad=0,
            pad=0,
            bbox_to_anchor=(3 * GAP / width, (top - TITLE / 2) / height),
            bbox_transform=figure.transFigure,
        )
    )


def _rgb(images: Images) -> Tiles:
    return np.broadcast_to(images, (*images.shape[:3], 3))


def _outline(masks: Masks) -> NDArray[np.bool_]:
    """(N, H, W) pixels of a class with a neighbour of another."""
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)), mode="edge")
    middle = padded[:, 1:-1, 1:-1]
    sides = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
    different: NDArray[np.bool_] = np.any([side != middle for side in sides], axis=0)
    return different & (masks > 0)
