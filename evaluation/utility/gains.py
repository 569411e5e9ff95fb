"""What arms add to one another: which are compared, and the scores that gains become.

Nothing here knows what the networks learn: the task says how two arms differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence

import numpy as np
import pandas as pd

from evaluation.metrics.registry import Score, over_domains
from evaluation.statistics.bootstrap import Estimate, holm

BASES = ("real", "augmented", "classical", "selftrained")  # without a generator: gains count from
MIXED = ("both", "annealed")  # kinds whose batches hold real and synthetic pairs
HEADLINES = ("searched", *MIXED)  # the first that there is makes the headline
ROUNDED = 0.05  # half of an odd number is rounded
STATED = ("real", "ratio", "provenance")  # of a gain, beside domain and network

Difference = Callable[[pd.DataFrame, pd.DataFrame], dict[str, object]]


def mixed_arm(kinds: Collection[str]) -> str | None:
    """The kind of arm that speaks for pairs beside real images; None where no arm learns from both."""
    return next((kind for kind in HEADLINES if kind in kinds), None)


def gain_rows(cases: pd.DataFrame, keys: Sequence[str], difference: Difference) -> pd.DataFrame:
    """A row per network and domain (and what else stands apart) and comparison.

    Args:
        cases: of all arms but those tested in reverse.
        keys: columns by which cases stand apart, the network first.
        difference: the cases of a base and of the arm compared with it, to gain, low, high, p, …

    Returns:
        The keys, comparison ("both - real", …), ratio, real, images (of the arm compared, where
        it has any), provenance, and what the difference says.
    """
    return pd.DataFrame(
        [
            _row(keys, name, base, other) | difference(base, other)
            for _, group in cases.groupby(list(keys), sort=False)
            for name, base, other in comparisons(group)
        ]
    )


def corrected(gains: pd.DataFrame, family: pd.Series) -> pd.Series:
    """Holm's correction of the column p, among all rows of one family."""
    found: dict[Hashable, float] = {}
    for _, part in gains.groupby(family):
        values = holm({str(row): p for row, p in part["p"].items()})
        found |= dict(zip(part.index, values.values(), strict=True))
    return pd.Series(found)


def comparisons(group: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Name, cases of a base and of what is compared with it, for one network, domain and class.

    After all of the same number of real images come those of real images with synthetic ones that
    have twice as many real images alone as base: MediSyn's claim (arXiv 2405.09806, version 4).
    """
    for base in BASES:
        for real, of_base in group[group["kind"] == base].groupby("real", sort=False):
            rest = group[(group["kind"] != base) & group["real"].isin([real, ""])]
            for (kind, _), other in rest.groupby(["kind", "ratio"], sort=False):
                # What one rival gains on another is told once, from the plainer one.
                if kind not in BASES[: BASES.index(base)]:
                    yield f"{kind} - {base}", of_base, other
    yield from _twice(group)


def gain_scores(
    gains: pd.DataFrame, metric: str, network: str, domains: Collection[str]
) -> list[Score]:
    """A score per gain on `real` of the first of `HEADLINES` that there is; then a headline.

    The headline is that of the first network and ratio at the fewest real images, mean over
    domains.

    Args:
        gains: rows over all classes.
        metric: name of the scores.
        network: the column that names the networks.
        domains: that were tested; where one has no such gain the headline is unknown.
    """
    if gains.empty:
        return []
    mixed = [gains[gains["comparison"] == f"{kind} - real"] for kind in HEADLINES]
    rows = next((found for found in mixed if len(found)), gains[:0])
    if rows.empty:
        return []
    keys = [network, "ratio"]
    first = rows[rows[keys].eq(rows[keys].iloc[0]).all(axis=1)]
    fewest = first.loc[first.groupby("domain")["images"].idxmin()]
    return [
        *_scores(rows, metric, network),
        over_domains(_scores(fewest, metric, network), domains),
    ]


def _row(
    keys: Sequence[str], name: str, base: pd.DataFrame, other: pd.DataFrame
) -> dict[str, object]:
    first, compared = base.iloc[0], other.iloc[0]
    sized = other if compared["real"] else base
    return {
        **{key: first[key] for key in keys},
        "comparison": name,
        "ratio": compared["ratio"],
        "real": sized.iloc[0]["real"],
        "images": int(sized["images"].mean()),
        "provenance": compared["provenance"],
    }


def _twice(group: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    for _, other in group[group["kind"] == "both"].groupby(["ratio", "real"], sort=False):
        for _, base in group[group["kind"] == "real"].groupby("real", sort=False):
            ours, theirs = (float(np.mean(part["images"])) for part in (other, base))
            if abs(theirs - 2 * ours) <= ROUNDED * theirs:
                yield "both - twice real", base, other


def _scores(rows: pd.DataFrame, metric: str, network: str) -> list[Score]:
    return [
        Score.of(
            metric,
            Estimate(row["gain"], row["low"], row["high"], row["n"]),
            **{name: row[name] for name in ("domain", network, *STATED)},
        )
        for row in rows.to_dict("records")
    ]
