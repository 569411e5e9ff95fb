"""Loops in the lake: a row for each facet of each round, so that the whole history is one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.closed_loop.evidence import FacetEvidence
from evaluation.closed_loop.round import Round
from evaluation.lake.lake import Lake
from evaluation.settings import LoopRule


@dataclass(frozen=True)
class LoopKey:
    """Which loop some rounds are of.

    Attributes:
        loop: digest of the recipe that it started with.
        data_set: that it adds versions to.
        rule: by which prompts are given out.
    """

    loop: str
    data_set: str
    rule: LoopRule


def record_round(lake: Lake, key: LoopKey, found: Round) -> None:
    """Records a round, in place of what was known of it."""
    lake.tables.merge("loop_rounds", list(_rows(key, found)))


def loop_of(lake: Lake, snapshot: str) -> pd.DataFrame:
    """All rounds of the loop that made a snapshot, or went on from it last; else no rows.

    Returns:
        The table `loop_rounds`, sorted by round and by facet.
    """
    mine = lake.read("loop_rounds", snapshot=snapshot)
    if mine.empty:
        return mine
    last = mine.sort_values("recorded_at", kind="stable").iloc[-1]["loop"]
    return lake.read("loop_rounds", loop=last).sort_values(["round", "facet"], ignore_index=True)


def _rows(key: LoopKey, found: Round) -> Iterator[dict[str, Any]]:
    level, gain = found.level, found.gain
    for asked, facet in zip(found.asked, found.evidence, strict=True):
        yield {
            "loop": key.loop,
            "data_set": key.data_set,
            "rule": key.rule,
            "round": found.number,
            "snapshot": found.snapshot,
            "version": found.version,
            "asked": asked,
            **_believed(facet),
            "level": level.value,
            "level_low": level.low,
            "level_high": level.high,
            "gain": gain.value,
            "gain_low": gain.low,
            "gain_high": gain.high,
        }


def _believed(facet: FacetEvidence) -> dict[str, Any]:
    return {
        "facet": facet.facet,
        "pairs": facet.pairs,
        "accepted": facet.accepted,
        "real": facet.real,
        "error": facet.error.mean,
        "error_spread": facet.error.spread,
        "cases": facet.error.n,
        "trust": facet.trust.mean,
        "trust_spread": facet.trust.spread,
    }
