"""How much of the distance to all real images is closed; cases and seeds resampled together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.statistics.bootstrap import Estimate, percentile
from evaluation.statistics.two_way_bootstrap import crossed_draws

Floats = NDArray[np.float64]


def of_arms(arms: Sequence[pd.DataFrame], measure: Callable[[Floats], Floats]) -> Estimate:
    """A number of the mean levels of arms that are tested on the same cases.

    Args:
        arms: of each a row per case, by unit and case, and a column per seed; of more seeds than
            another arm has, the first are taken.
        measure: (R, A) mean levels of A arms -> (R,).
    """
    levels, draws = _levels(arms)
    return percentile(measure(draws), float(measure(levels)[0]), len(arms[0]))


def gain(ours: pd.DataFrame, base: pd.DataFrame) -> Estimate:
    """What an arm has above another."""
    return of_arms([ours, base], lambda level: level[:, 0] - level[:, 1])


def ratio(ours: pd.DataFrame, base: pd.DataFrame) -> Estimate:
    """What an arm reaches as a share of another."""
    return of_arms([ours, base], lambda level: level[:, 0] / level[:, 1])


def closed(ours: pd.DataFrame, few: pd.DataFrame, whole: pd.DataFrame) -> Estimate:
    """The share of the way from few real images to all of them that an arm goes.

    It means something where that way is long beside its error: see `distance`.
    """
    return of_arms(
        [ours, few, whole], lambda level: (level[:, 0] - level[:, 1]) / (level[:, 2] - level[:, 1])
    )


def distance(few: pd.DataFrame, whole: pd.DataFrame) -> tuple[float, float]:
    """The way itself, and its standard error."""
    levels, draws = _levels([whole, few])
    return float(levels[0, 0] - levels[0, 1]), float((draws[:, 0] - draws[:, 1]).std(ddof=1))


def _levels(arms: Sequence[pd.DataFrame]) -> tuple[Floats, Floats]:
    """Mean levels of A arms: (1, A) as they are, and (R, A) of resampled cases and seeds."""
    seeds = min(arm.shape[1] for arm in arms)
    index = arms[0].index
    values = np.stack([arm.loc[index].to_numpy()[:, :seeds] for arm in arms], axis=2)
    draws = crossed_draws(values, index.get_level_values("unit").to_numpy())
    return values.mean((0, 1))[None], draws
