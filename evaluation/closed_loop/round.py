"""A round of the loop: what was asked for, what is now known of each facet, what the model reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.closed_loop.evidence import FacetEvidence
from evaluation.statistics.bootstrap import NOTHING, Estimate


@dataclass(frozen=True)
class Round:
    """One version of the pairs, and what it taught.

    Attributes:
        number: 0 for the version that the loop starts from.
        snapshot: of it.
        version: its tag.
        asked: pairs that this round asked for, of each facet.
        evidence: on each facet, once its pairs were tried.
        level: Dice of the downstream model, mean over facets.
        gain: of it over the round before; NaN of round 0.
    """

    number: int
    snapshot: str
    version: str
    asked: Sequence[int]
    evidence: Sequence[FacetEvidence]
    level: Estimate
    gain: Estimate = NOTHING


def best(rounds: Sequence[Round]) -> Round:
    """The one whose model reaches most on held-out images; of equals the first."""
    return max(rounds, key=lambda each: (each.level.value, -each.number))
