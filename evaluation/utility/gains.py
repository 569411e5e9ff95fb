"""Which arms are compared, and the scores that their gains become; for every kind of network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from evaluation.metrics.registry import Score, over_domains
from evaluation.statistics.bootstrap import Estimate

BASES = ("real", "augmented")  # what gains are counted from
ROUNDED = 0.05  # half of an odd number is rounded


def comparisons(group: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Name, cases of a base and of what is compared with it, for one network, domain and class.

    After all of the same number of real images come those of real images with synthetic ones that
    have twice as many real images alone as base: MediSyn's claim (arXiv 2405.09806, version 4).
    """
    for base in BASES:
        for real, of_base in group[group["kind"] == base].groupby("real", sort=False):
            rest = group[(group["kind"] != base) & group["real"].isin([real, ""])]
            for (kind, _), other in rest.groupby(["kind", "ratio"], sort=False):
                # Real images alone gain nothing on augmented ones that is not told already.
                if kind != "real":
                    yield f"{kind} - {base}", of_base, other
    yield from _twice(group)


def _twice(group: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    for _, other in group[group["kind"] == "both"].groupby(["ratio", "real"], sort=False):
        for _, base in group[group["kind"] == "real"].groupby("real", sort=False):
            ours, theirs = (float(np.mean(part["images"])) for part in (other, base))
            if abs(theirs - 2 * ours) <= ROUNDED * theirs:
                yield "both - twice real", base, other


def with_headline(rows: pd.DataFrame, metric: str, network: str) -> list[Score]:
    """A score per gain; then that of the first network and ratio at the fewest real images."""
    keys = [network, "ratio"]
    first = rows[rows[keys].eq(rows[keys].iloc[0]).all(axis=1)]
    fewest = first.loc[first.groupby("domain")["images"].idxmin()]
    return [*_scores(rows, metric, network), over_domains(_scores(fewest, metric, network))]


def _scores(rows: pd.DataFrame, metric: str, network: str) -> list[Score]:
    told = ("domain", network, "real", "ratio", "provenance")
    return [
        Score.of(
            metric,
            Estimate(row["gain"], row["low"], row["high"], row["n"]),
            **{name: row[name] for name in told},
        )
        for row in rows.to_dict("records")
    ]
