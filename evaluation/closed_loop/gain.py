"""What a round of the loop gained, every facet counting the same, and when a loop ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.statistics.bootstrap import Estimate
from evaluation.statistics.two_way_bootstrap import crossed_mean

Names = NDArray[np.object_]


def mean_over_facets(values: pd.DataFrame, facets: Names) -> Estimate:
    """The mean over facets of their means, so that a rare one counts as much as a common one.

    The interval resamples patients and seeds; facets keep their weights, so that it also tells of
    other mixtures of patients.

    Args:
        values: a row per case, by unit and case, and a column per seed, as of `by_seed`.
        facets: of each row.
    """
    count = pd.Series(facets).map(pd.Series(facets).value_counts()).to_numpy()
    weights = len(facets) / (len(set(facets)) * count)
    weighted = values.to_numpy() * weights[:, None]
    return crossed_mean(weighted, values.index.get_level_values("unit").to_numpy())


def gain_over(before: pd.DataFrame, after: pd.DataFrame, facets: Names) -> Estimate:
    """What the second of two models gained, case by case and seed by seed; arguments as above."""
    return mean_over_facets(after - before.loc[after.index], facets)


def no_longer_gains(gains: Sequence[Estimate], patience: int) -> bool:
    """Whether each of so many last rounds has an interval that is not above 0."""
    last = gains[-patience:]
    return len(last) == patience and all(not each.low > 0 for each in last)
