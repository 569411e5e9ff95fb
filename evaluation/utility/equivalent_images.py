"""How many real images an arm equals: where the level it reaches lies on the real learning curve.

The Dice (of classifiers the AUROC) of the arm `real` over its numbers of images is made
non-decreasing (more images of one kind do not teach less; chance alone makes such a curve fall) and
is taken as linear in the logarithm of their number in between. An arm that learned from synthetic
pairs is read off it. Beyond its ends nothing was measured: the answer is then "more than all" or
"fewer than the fewest".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.metrics.registry import Score, over_domains
from evaluation.statistics.bootstrap import LEVEL, Estimate

Floats = NDArray[np.float64]

LEARNT_SYNTHETIC = ("synthetic", "both", "annealed", "searched", "pretrained")
SAME = 1e-12  # Dice: sums in another order differ by less, and must not lie beyond the curve


@dataclass(frozen=True, eq=False)
class JointLevels:
    """How well K arms do on the same N cases.

    Attributes:
        means: (K,) over cases and seeds.
        draws: (R, K) the same, resampled together; None where nothing can be.
        n: N.
        seeds: of each arm.
    """

    means: Floats
    draws: Floats | None
    n: int
    seeds: int


LevelsOf = Callable[[Sequence[pd.DataFrame]], JointLevels]


def isotonic(values: Floats) -> Floats:
    """The non-decreasing curves nearest to (R, K) curves, in least squares with equal weights.

    Source: Robertson, Wright & Dykstra 1988, Order Restricted Statistical Inference, theorem 1.4.4:
    the fit at i is the largest, over all starts up to i, of the smallest mean from there to an end
    at i or later.
    """
    columns = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), values.cumsum(1)], axis=1)
    fit = np.full(values.shape, -np.inf)
    for start in range(columns):
        least = np.full(len(values), np.inf)
        for end in range(columns - 1, start - 1, -1):
            least = np.minimum(least, (sums[:, end + 1] - sums[:, start]) / (end + 1 - start))
            fit[:, end] = np.maximum(fit[:, end], least)
    return fit


def equivalent(curves: Floats, images: Sequence[int], dice: Floats) -> Floats:
    """The fewest images at which non-decreasing curves (R, K) reach a Dice (R,).

    Args:
        curves: Dice at each number of images.
        images: K numbers, ascending.
        dice: to be reached.

    Returns:
        (R,) images, not whole: 0 where the Dice lies below the curve, inf where it lies above.
    """
    place = np.log(images)
    found = np.full(len(curves), np.inf)
    for k in range(len(images) - 1, 0, -1):
        low, high = curves[:, k - 1], curves[:, k]
        share = np.clip((dice - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        here = np.exp(place[k - 1] + share * (place[k] - place[k - 1]))
        found = np.where(dice <= high + SAME, here, found)
    return np.where(dice < curves[:, 0] - SAME, 0.0, found)


def equivalent_image_rows(cases: pd.DataFrame, network: str, levels_of: LevelsOf) -> pd.DataFrame:
    """What the arms with synthetic pairs equal in real images.

    Args:
        cases: of all arms, concatenated, that count towards their levels.
        network: the column that names the networks.
        levels_of: the cases of K arms to how well they do.

    Returns:
        A row per network, domain and arm with synthetic pairs in its training: network, domain,
        kind, ratio, real, own (real images it has itself), images (equivalent real ones; the end of
        the curve where it lies beyond), low, high (resampling patients and seeds; 0 or inf where a
        bound lies beyond an end, NaN where unknown), fewest, most (ends of the curve), n (cases),
        seeds, words. A network and domain with one number of real images, or with a level that is
        unknown, has none.
    """
    groups = cases.groupby([network, "domain"], sort=False)
    return pd.DataFrame(
        [row for _, group in groups for row in _of_group(group, network, levels_of)]
    )


def equivalent_image_scores(
    table: pd.DataFrame, metric: str, network: str, domains: Collection[str]
) -> list[Score]:
    """A score per row, then one headline.

    The headline is that of the first network trained on synthetic pairs alone, else of its first
    arm that had some at the fewest real images; mean over the domains that were tested, unknown
    where one of them has no row.
    """
    if table.empty:
        return []
    first = table[table[network] == table[network].iloc[0]]
    chosen = first.loc[first.groupby("domain")["own"].idxmin()]
    return [
        *_scores(table, metric, network),
        over_domains(_scores(chosen, metric, network), domains),
    ]


def words(images: float, low: float, high: float, fewest: int, most: int) -> str:
    """A row for people: "34 [12, 80]", "34 [fewer, more]", "more than all 97 [40, more]".

    Args:
        images: equivalent number; 0 below the curve, inf above it.
        low: bound; 0 below the curve, NaN where unknown.
        high: bound; inf above the curve.
        fewest: where the curve begins.
        most: where it ends.
    """
    if images <= 0:
        value, alone = f"fewer than {fewest}", high <= fewest
    elif math.isinf(images):
        value, alone = f"more than all {most}", low >= most
    else:
        value, alone = f"{images:.0f}", False
    if alone or math.isnan(low):
        return value
    down = "fewer" if low <= 0 else f"{low:.0f}"
    up = "more" if math.isinf(high) else f"{high:.0f}"
    return f"{value} [{down}, {up}]"


def _scores(rows: pd.DataFrame, metric: str, network: str) -> list[Score]:
    return [
        Score.of(
            metric,
            Estimate(row["images"], row["low"], row["high"], row["n"]),
            **{name: row[name] for name in ("domain", network, "kind", "ratio", "real")},
        )
        for row in rows.to_dict("records")
    ]


def _of_group(group: pd.DataFrame, network: str, levels_of: LevelsOf) -> list[dict[str, object]]:
    curve = _curve(group[group["kind"] == "real"])
    if len(curve) < 2:
        return []
    learnt = group[group["kind"].isin(LEARNT_SYNTHETIC)]
    found = [
        (arm.iloc[0], levels_of([*curve.values(), arm]))
        for _, arm in learnt.groupby(["kind", "ratio", "real"], sort=False)
    ]
    known = [(first, levels) for first, levels in found if np.isfinite(levels.means).all()]
    return [_row(first, network, list(curve), levels) for first, levels in known]


def _curve(real: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Number of images, ascending -> the cases of the arm that learned from so many."""
    # A recipe can name one number twice, as 97 and as "all"; folds differ by a patient.
    parts = {int(part["images"].mean()): part for _, part in real.groupby("real", sort=False)}
    return dict(sorted(parts.items()))


def _row(
    first: pd.Series, network: str, sizes: list[int], levels: JointLevels
) -> dict[str, object]:
    """What one arm equals; its level is the last, after those of the real curve at these sizes."""
    found = float(_read_off(levels.means[None], sizes)[0])
    low, high = _bounds(levels.draws, sizes, found)
    ends = {"fewest": sizes[0], "most": sizes[-1]}
    return {
        **{name: first[name] for name in (network, "domain", "kind", "ratio", "real")},
        "own": int(first["images"]),
        "images": float(np.clip(found, sizes[0], sizes[-1])),
        "low": low,
        "high": high,
        **ends,
        "words": words(found, low, high, **ends),
        "n": levels.n,
        "seeds": levels.seeds,
    }


def _read_off(means: Floats, sizes: list[int]) -> Floats:
    """(R, K + 1) levels, the curve's first and the arm's last, to (R,) images."""
    return equivalent(isotonic(means[:, :-1]), sizes, means[:, -1])


def _bounds(draws: Floats | None, sizes: list[int], found: float) -> tuple[float, float]:
    if draws is None or not len(draws):
        return float("nan"), float("nan")
    images = _read_off(draws, sizes)
    # Between two draws, one of which is infinite, nothing can be interpolated.
    tail = (1 - LEVEL) / 2
    low = np.quantile(images, tail, method="lower")
    high = np.quantile(images, 1 - tail, method="higher")
    return float(min(low, found, sizes[-1])), float(max(high, found, sizes[0]))
