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
from evaluation.metrics import METRICS, Score

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
BOUND = re.compile(r"\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Bound:
    """One side of a gate: `Bound(">=", 0.75)`."""

    comparison: str
    value: float

    def __str__(self) -> str:
        return f"{self.comparison} {self.value:g}"

    def met_by(self, measured: float) -> bool:
        """Whether a value meets the bound; NaN never does."""
        return COMPARISONS[self.comparison](measured, self.value)

    def margin(self, measured: float) -> float:
        """By how much the bound is met, in the unit of the metric; negative if it is missed."""
        return measured - self.value if self.comparison.startswith(">") else self.value - measured


@dataclass(frozen=True)
class Verdict:
    """One gate of a decision.

    Attributes:
        gate: name of the metric.
        bound: as written in the recipe.
        measured: the score, None where there is none.
        margin: by how much the bound is met, negative if missed, None without a number.
        passed: whether the gate opens.
        reason: one sentence for a person.
    """

    gate: str
    bound: str
    measured: float | None
    margin: float | None
    passed: bool
    reason: str


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


def parse(text: str) -> Bound:
    """The bound that ">= 0.75" says; a bare number says nothing.

    Raises:
        InputError: if the text is not a comparison with a number.
    """
    found = BOUND.fullmatch(text)
    if found is None:
        raise InputError(
            f"gate bound {text!r} is not a comparison: without one nobody knows which side fails; "
            'write ">= 0.75", "<= 0.02", "> 0" or "< 1"'
        )
    return Bound(found[1], float(found[2]))


def decide(gates: Mapping[str, str], scores: Mapping[str, Score]) -> Decision:
    """Holds the scores of a version against the gates of its recipe.

    Args:
        gates: metric -> bound, for example {"consistency_closed": ">= 0.75"}.
        scores: metric -> score of the version; a gate without a score fails, and so does NaN.
    """
    return Decision(
        tuple(_verdict(gate, parse(text), scores.get(gate)) for gate, text in gates.items())
    )


def _verdict(gate: str, bound: Bound, score: Score | None) -> Verdict:
    if score is None:
        reason = f"{gate} has no score, and it must be {bound}: have it measured or drop the gate"
        return Verdict(gate, str(bound), None, None, False, reason)
    if math.isnan(score.value):
        reason = f"{gate} could not be measured (n = {score.n}), and it must be {bound}"
        return Verdict(gate, str(bound), score.value, None, False, reason)
    margin, passed = bound.margin(score.value), bound.met_by(score.value)
    outcome = "meets" if passed else "misses"
    reason = f"{gate} = {score.value:.4g} {outcome} {bound} by {abs(margin):.4g}"
    return Verdict(gate, str(bound), score.value, margin, passed, reason)


def _known(gates: dict[str, str]) -> dict[str, str]:
    for gate, bound in gates.items():
        parse(bound)
        if gate not in METRICS:
            near = ", ".join(get_close_matches(gate, METRICS, n=3, cutoff=0))
            raise InputError(
                f"no metric is called {gate!r}, so its gate never opens; nearest: {near}"
            )
    return gates


# The recipe's section: metric -> bound, checked when the recipe is read.
Gates = Annotated[dict[str, str], AfterValidator(_known)]
