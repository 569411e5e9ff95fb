"""The rounds of a closed loop as a report shows them, from the lake's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from evaluation.report.wording import domain_words
from evaluation.statistics.bootstrap import Estimate


@dataclass(frozen=True)
class LoopLine:
    """One round: its version, pairs asked for of each facet, level and gain of the model."""

    number: int
    version: str
    asked: Sequence[int]
    level: Estimate
    gain: Estimate


@dataclass(frozen=True)
class LoopTable:
    """A loop.

    Attributes:
        rule: by which pairs were given out.
        facets: their names, for people.
        lines: its rounds.
    """

    rule: str
    facets: Sequence[str]
    lines: Sequence[LoopLine]

    @staticmethod
    def of(rounds: pd.DataFrame) -> LoopTable | None:
        """From the table `loop_rounds` of one loop; None where it has no rows."""
        if rounds.empty:
            return None
        names = list(dict.fromkeys(rounds["facet"]))
        lines = [_line(part) for _, part in rounds.groupby("round")]
        return LoopTable(str(rounds.iloc[0]["rule"]), [facet_words(each) for each in names], lines)


def facet_words(facet: str) -> str:
    """A facet for people: the domain as the vocabulary calls it, then what else it is."""
    domain, _, rest = facet.partition(", ")
    return ", ".join(part for part in (domain_words(domain), rest) if part)


def _line(rows: pd.DataFrame) -> LoopLine:
    first, cases = rows.iloc[0], int(rows["cases"].sum())
    level, gain = (
        Estimate(first[name], first[f"{name}_low"], first[f"{name}_high"], cases)
        for name in ("level", "gain")
    )
    return LoopLine(int(first["round"]), str(first["version"]), rows["asked"].tolist(), level, gain)
