"""How far several readers agree with each other beyond chance: Fleiss' kappa, Krippendorff's alpha.

Both are 1 - loss / loss by chance, of sums over images. They say that readers answer alike, not
that they are right: readers who share one mistake agree.

Intervals leave out one unit (image or patient) at a time, on Fisher's scale of the intraclass
correlation, where the estimates spread alike. As in the log-linear correction of rates, half an
image answered by chance is added, so that full agreement has a place on that scale; and no bound
is nearer to 1 than the exact interval of the share of images that readers disagree about. With
fewer than about thirty images, or nearly full agreement of two readers, they cover less than 95 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from evaluation.statistics.bootstrap import LEVEL, NOTHING, Estimate, Floats, Units
from evaluation.statistics.exact_share import exact_interval

Level = Literal["nominal", "ordinal"]
Losses = Callable[[Floats], tuple[Floats, Floats]]  # (R, K) sums -> loss and loss by chance, (R,)

ADDED = 0.5  # images answered by chance
FEWEST = 4  # units without which a variance would be a guess


@dataclass(frozen=True, eq=False)
class Sums:
    """What a measure of agreement is a function of.

    Attributes:
        columns: (N, K) of each image; their sums give the measure.
        chance: (K,) the columns of an image of as many answers, given by chance.
        losses: of such sums.
        lost: (N,) of each image, 0 where all its readers agree.
        readers: answers to an image, on average.
    """

    columns: Floats
    chance: Floats
    losses: Losses
    lost: Floats
    readers: float


def fleiss_kappa(counts: ArrayLike, units: Units | None = None) -> Estimate:
    """Agreement of equally many readers of each image about one of several answers.

    Args:
        counts: (N, V) how many readers gave each image each answer; at least two, equally many.
        units: (N,) unit (patient) of each image; None: each is its own.

    Returns:
        1 where all agree, 0 as by chance, at least -1 / (readers - 1); n = N. NaN where every
        answer is the same, since agreement by chance is complete then, and where N is 0.

    Raises:
        ValueError: if readers are not equally many, or fewer than two.

    Source: Fleiss 1971, Psychological Bulletin 76:378.
    """
    table = np.asarray(counts, np.float64)
    if not len(table):
        return NOTHING
    size = float(table.sum(1).max())
    if table.sum(1).min() < size or size < 2:
        raise ValueError("Fleiss' kappa needs two or more answers to each image, equally many")
    lost = 1 - ((table**2).sum(1) - size) / (size * (size - 1))

    def losses(sums: Floats) -> tuple[Floats, Floats]:
        images = sums[:, -1]
        return sums[:, 0], images * (1 - ((sums[:, 1:-1] / images[:, None]) ** 2).sum(1))

    shares = table / size
    columns = np.column_stack([lost, shares, np.ones(len(table))])
    usual = shares.mean(0)
    chance = np.array([1 - (usual**2).sum(), *usual, 1.0])
    return _agreement(Sums(columns, chance, losses, lost, size), units)


def krippendorff_alpha(
    ratings: ArrayLike, level: Level = "nominal", units: Units | None = None
) -> Estimate:
    """Agreement of readers who need not have answered everything.

    Args:
        ratings: (N, R) value that each reader gave each image; NaN where none.
        level: "nominal" for kinds, "ordinal" for grades, of which neighbours differ less.
        units: (N,) unit (patient) of each image; None: each is its own.

    Returns:
        1 where all agree, 0 as by chance; n: the images with two or more answers. NaN where all
        answers are the same, or no image has two.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability; 2004, chapter 11.
    """
    table = np.asarray(ratings, np.float64)
    several = np.isfinite(table).sum(1) > 1
    table = table[several]
    if not len(table):
        return NOTHING
    values = np.unique(table[np.isfinite(table)])
    counts = (table[:, :, None] == values).sum(1).astype(np.float64)
    readers = counts.sum(1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(values))
    columns = (pairs / (readers - 1)[:, None, None]).reshape(len(table), -1)

    def losses(sums: Floats) -> tuple[Floats, Floats]:
        found = sums.reshape(-1, len(values), len(values))
        totals = found.sum(2)
        apart = _apart(totals, level)
        by_chance = totals[:, :, None] * totals[:, None, :] / (totals.sum(1) - 1)[:, None, None]
        return (found * apart).sum((1, 2)), (by_chance * apart).sum((1, 2))

    totals = counts.sum(0)
    chance = np.outer(totals, totals).ravel() / totals.sum() / len(table)
    lost = (columns * _apart(totals[None], level).ravel()).sum(1)
    kept = None if units is None else np.asarray(units)[several]
    return _agreement(Sums(columns, chance, losses, lost, float(readers.mean())), kept)


def _apart(totals: Floats, level: Level) -> Floats:
    """(R, V, V) squared difference of two values, given (R, V) how often each occurs."""
    count = totals.shape[1]
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(count), (len(totals), count, count))
    middle = totals.cumsum(1) - totals / 2
    return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2)


def _agreement(sums: Sums, units: Units | None) -> Estimate:
    count = len(sums.columns)
    value = float(_measure(sums, sums.columns.sum(0)[None])[0])
    parts = _of_units(sums.columns, units)
    if not np.isfinite(value) or len(parts) < FEWEST:
        return Estimate(value, float("nan"), float("nan"), count)
    total = parts.sum(0) + ADDED * sums.chance
    whole = _to_fisher(_measure(sums, total[None]), sums.readers)[0]
    without = _to_fisher(_measure(sums, total - parts), sums.readers)
    spread = np.sqrt((len(parts) - 1) / len(parts) * ((without - without.mean()) ** 2).sum())
    half = stats.t.ppf((1 + LEVEL) / 2, len(parts) - 1) * spread
    low, high = (_from_fisher(whole + side * half, sums.readers) for side in (-1, 1))
    return Estimate(value, min(low, _lowest(sums, units), value), max(high, value), count)


def _measure(sums: Sums, each: Floats) -> Floats:
    loss, by_chance = sums.losses(each)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - loss / by_chance)


def _lowest(sums: Sums, units: Units | None) -> float:
    """The measure, were as many images disagreed about as their exact interval holds possible.

    They lose as those do that are disagreed about; where there is none, twice as by chance, which
    is what one of two readers costs.
    """
    split = _of_units(sums.lost[:, None], units)[:, 0] > 0
    most = exact_interval(int(split.sum()), len(split))[1]
    by_chance = float(sums.losses(sums.columns.sum(0)[None])[1][0]) / len(sums.columns)
    each = float(sums.lost[sums.lost > 0].mean()) if split.any() else 2 * by_chance
    return 1 - most * each / by_chance


def _of_units(columns: Floats, units: Units | None) -> Floats:
    if units is None:
        return columns
    code = np.unique(units, return_inverse=True)[1]
    return np.stack([np.bincount(code, column) for column in columns.T], axis=1)


def _to_fisher(values: Floats, readers: float) -> Floats:
    """Source: Fisher 1925, Statistical Methods for Research Workers, section 40."""
    tiny = np.finfo(float).eps
    return np.asarray(
        np.log(np.maximum(1 + (readers - 1) * values, tiny) / np.maximum(1 - values, tiny)) / 2
    )


def _from_fisher(value: float, readers: float) -> float:
    grown = np.exp(2 * value)
    return float((grown - 1) / (grown + readers - 1))
