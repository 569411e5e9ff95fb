"""Gates: bounds that a version must meet to be published."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator

from evaluation.errors import InputError
from evaluation.metrics.former_names import refusal
from evaluation.metrics.registry import METRICS, Score

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
SIDES: Mapping[str, str] = {
    "value": "",
    "low": "lower 95 % bound of ",
    "high": "upper 95 % bound of ",
}
ENDS = ("low", "high")
BOUND = re.compile(r"\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Bound:
    """One side of a gate: `Bound(">=", 0.75)`."""

    comparison: str
    value: float

    @staticmethod
    def parse(text: str) -> Bound:
        """The bound that ">= 0.75" says; a bare number says nothing.

        Raises:
            InputError: if the text is not a comparison with a number.
        """
        found = BOUND.fullmatch(text)
        if found is None:
            raise InputError(
                f"gate bound {text!r} is not a comparison: without one nobody knows which side "
                'fails; write ">= 0.75", "<= 0.02", "> 0" or "< 1"'
            )
        return Bound(found[1], float(found[2]))

    def __str__(self) -> str:
        return f"{self.comparison} {self.value:g}"

    def met_by(self, measured: float) -> bool:
        """Whether a value meets the bound; NaN never does."""
        return COMPARISONS[self.comparison](measured, self.value)

    def margin(self, measured: float) -> float:
        """By how much the bound is met, in the unit of the metric; negative if it is missed."""
        return measured - self.value if self.comparison.startswith(">") else self.value - measured


@dataclass(frozen=True)
class Measured:
    """What a gate is held against: a score's value, or one end of its 95 % interval.

    Attributes:
        metric: name of the score.
        side: which of its numbers.
    """

    metric: str
    side: str = "value"

    @staticmethod
    def parse(gate: str) -> Measured:
        """What "consistency_closed" or "consistency_closed.low" names.

        Raises:
            InputError: if there is no such score, or no such number of it; with what a former
                name is called now.
        """
        metric, dot, side = gate.partition(".")
        if why := refusal(metric):
            raise InputError(f"gate {gate!r} never opens: {why}")
        if metric in METRICS and (not dot or side in ENDS):
            return Measured(metric, side or "value")
        ends = [f"{name}.{end}" for name in METRICS for end in ENDS]
        known = ends if dot else METRICS
        near = ", ".join(get_close_matches(gate, known, n=3, cutoff=0))
        raise InputError(f"no metric is called {gate!r}, so its gate never opens; nearest: {near}")

    def of(self, score: Score) -> float:
        """The number; NaN where it is unknown."""
        return {"value": score.value, "low": score.low, "high": score.high}[self.side]

    def __str__(self) -> str:
        return SIDES[self.side] + self.metric


@dataclass(frozen=True)
class Verdict:
    """One gate of a decision.

    Attributes:
        gate: as written in the recipe: the metric, or one end of its interval ("NAME.low").
        bound: as written in the recipe.
        measured: the number it was held against, None where there is none.
        margin: by how much the bound is met, negative if missed, None without a number.
        passed: whether the gate opens.
        reason: one sentence for a person.
        low: lower end of the score's 95 % interval, None where there is no score.
        high: upper end, likewise.
        n: pairs or cases behind the score, likewise.
    """

    gate: str
    bound: str
    measured: float | None
    margin: float | None
    passed: bool
    reason: str
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Decision:
    """Whether a version may be published, and the evidence."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def failures(self) -> tuple[str, ...]:
        """Which gates failed and by how much."""
        return tuple(verdict.reason for verdict in self.verdicts if not verdict.passed)

    def evidence(self) -> list[dict[str, object]]:
        """The verdicts as plain values, for the lake."""
        return [asdict(verdict) for verdict in self.verdicts]


def decide(gates: Mapping[str, str], scores: Mapping[str, Score]) -> Decision:
    """Holds the scores of a version against the gates of its recipe.

    Args:
        gates: metric, or metric and end of its interval -> bound, for example
            {"consistency_closed": ">= 0.75", "memorised_share.high": "<= 0.05"}.
        scores: metric -> score of the version; a gate without a score fails, and so does NaN.

    Raises:
        InputError: if a gate names no score.
    """
    return Decision(
        tuple(_verdict(gate, Bound.parse(text), scores) for gate, text in gates.items())
    )


def _verdict(gate: str, bound: Bound, scores: Mapping[str, Score]) -> Verdict:
    side = Measured.parse(gate)
    score = scores.get(side.metric)
    if score is None:
        reason = f"{gate} has no score, and it must be {bound}: have it measured or drop the gate"
        return Verdict(gate, str(bound), None, None, False, reason)
    measured = side.of(score)
    ends = score.low, score.high, score.n
    if math.isnan(measured):
        reason = f"{side} could not be measured (n = {score.n}), and it must be {bound}"
        return Verdict(gate, str(bound), measured, None, False, reason, *ends)
    margin, passed = bound.margin(measured), bound.met_by(measured)
    outcome = "meets" if passed else "misses"
    reason = f"{side} = {measured:.4g} {outcome} {bound} by {abs(margin):.4g}"
    return Verdict(gate, str(bound), measured, margin, passed, reason, *ends)


def _known(gates: dict[str, str]) -> dict[str, str]:
    for gate, bound in gates.items():
        Bound.parse(bound)
        Measured.parse(gate)
    return gates


# The recipe's section: metric or end of its interval -> bound, checked when the recipe is read.
Gates = Annotated[dict[str, str], AfterValidator(_known)]
