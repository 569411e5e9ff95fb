"""Can more pairs help at all, and could it be seen? Asked of real data, before any generator.

Segmenters are trained on nested subsets of the real training images with classical augmentation.
What all of them add over few is about what synthetic pairs could add to few. What the held-out
images can tell from chance is the gain that could be detected.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from evaluation.pairs import Pairs, by_domain
from evaluation.statistics.bootstrap import Estimate
from evaluation.statistics.two_way_bootstrap import crossed_mean
from evaluation.utility.arms import Arm
from evaluation.utility.segmenter_test import MACRO, by_seed

FEWEST = 5
POWER, LEVEL = 0.8, 0.05
ONE_SEED = (
    "From one seed nobody knows how much another draw of images and another start change, so what "
    "could be seen is unknown. Repeat it with at least 2 seeds."
)


@dataclass(frozen=True)
class LearningCurve:
    """The real learning curve of one domain, and what it says.

    Attributes:
        domain: name.
        images: sizes of the subsets of real training images, fewest first.
        dice: Dice on held-out real images at each size, with intervals.
        gain_all_vs_few: Dice at all images less Dice at the fewest.
        gain_last_doubling: Dice at all images less Dice at half of them.
        detectable: smallest gain that these held-out images and seeds show with 80 % power; NaN
            where it is unknown: of one seed, or fewer than two patients.
        verdict: one sentence.
    """

    domain: str
    images: tuple[int, ...]
    dice: tuple[Estimate, ...]
    gain_all_vs_few: Estimate
    gain_last_doubling: Estimate
    detectable: float
    verdict: str


def subset_sizes(available: int) -> tuple[int, ...]:
    """Sizes of the subsets, doubling from 5: (5, 10, 20, 40, 97) for 97."""
    sizes = [FEWEST * 2**i for i in range(20) if FEWEST * 2**i <= available / 2]
    return (*sizes, available)


def curve_arms(train: Pairs, segmenter: str, seeds: int) -> list[Arm]:
    """The segmenters to train: every size of every domain, so often."""
    return [
        Arm(segmenter, domain, "real", str(images), images, seed)
        for domain, at in by_domain(train)
        for images in subset_sizes(int(np.sum(train.has_mask[at])))
        for seed in range(seeds)
    ]


def learning_curves(cases: pd.DataFrame) -> list[LearningCurve]:
    """The learning curve of each domain.

    Args:
        cases: of all sizes, as `DownstreamTask.test` gives them, concatenated.
    """
    macro = cases[(cases["class"] == MACRO) & cases["shown"]]
    return [_of_domain(str(name), part) for name, part in macro.groupby("domain", sort=False)]


def detectable_gain(scores: ArrayLike, *, power: float = POWER, level: float = LEVEL) -> float:
    """Smallest gain of one training over another, means over units and seeds, that would be found.

    The two trainings are taken to vary as these do, and independently: with each seed and subset as a
    whole, and within it from unit to unit. How much gains themselves differ between units is not
    known before there are any.

    Args:
        scores: (U, S) of independent units (patients) under seeds, each with a subset of its own.
        power: chance of finding the gain.
        level: of the two-sided test.

    Returns:
        (z of 1 - level/2 + z of power) times the standard error of the difference of two such
        means; NaN for fewer than two units or seeds.

    Source: Searle, Casella & McCulloch 1992, Variance Components, chapter 4 (balanced data,
    two crossed random factors); a component that comes out negative is taken for none.
    """
    table = np.asarray(scores, float)
    if min(table.shape) < 2:
        return float("nan")
    units, seeds = table.shape
    by_seed, by_unit = table.mean(0), table.mean(1, keepdims=True)
    rest = table - by_seed - by_unit + table.mean()
    between = units * by_seed.var(ddof=1)
    within = (rest**2).sum() / ((units - 1) * (seeds - 1))
    error = np.sqrt(2 * max(between, within) / (units * seeds))
    normal = NormalDist()
    return float((normal.inv_cdf(1 - level / 2) + normal.inv_cdf(power)) * error)


def _of_domain(name: str, cases: pd.DataFrame) -> LearningCurve:
    tables = {
        int(size): by_seed(cases[cases["images"] == size]) for size in cases["images"].unique()
    }
    sizes = tuple(sorted(tables))
    half = min(sizes, key=lambda size: abs(size - sizes[-1] / 2))
    from_few = _mean(tables[sizes[-1]] - tables[sizes[0]])
    from_half = _mean(tables[sizes[-1]] - tables[half])
    detectable = detectable_gain(tables[sizes[0]].groupby("unit").mean())
    verdict = _verdict(sizes, half, from_few, from_half, detectable)
    if len(sizes) > 1 and tables[sizes[0]].shape[1] < 2:
        verdict = ONE_SEED
    dice = tuple(_mean(tables[size]) for size in sizes)
    return LearningCurve(name, sizes, dice, from_few, from_half, detectable, verdict)


def _mean(table: pd.DataFrame) -> Estimate:
    return crossed_mean(table, table.index.get_level_values("unit").to_numpy())


def _verdict(
    sizes: tuple[int, ...], half: int, from_few: Estimate, from_half: Estimate, detectable: float
) -> str:
    few, many = sizes[0], sizes[-1]
    if len(sizes) == 1:
        return f"With {many} real images there is no curve to read; label at least {2 * FEWEST}."
    if not np.isfinite(detectable):
        return "Too few held-out patients to say what could be seen: hold out more."
    if from_few.value <= detectable:
        return (
            f"A gain could not be seen: all {many} images add {from_few.value:.3f} Dice to {few}, "
            f"and these held-out images and seeds tell no gain below {detectable:.3f} from chance. "
            "Hold out more, or take more seeds."
        )
    start = (
        f"With {few} real images up to about {from_few.value:.3f} Dice could be gained, and gains "
        f"from {detectable:.3f} on could be seen."
    )
    if from_half.value <= detectable / 2 or from_half.low <= 0:
        return (
            f"{start} With all {many} hardly anything: from {half} to {many} the curve is flat "
            f"({from_half.value:+.3f})."
        )
    return f"{start} At {many} the curve still rises ({from_half.value:+.3f} from {half} on)."
