"""When a score is good, mixed or bad beside what real data gets: the rules of the six answers.

The rules are written down in docs/scores.md. They are conventions for reading, not tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from evaluation.metrics.registry import Score

Verdict = Literal["good", "mixed", "bad", "not measured"]
ORDER: tuple[Verdict, ...] = ("not measured", "good", "mixed", "bad")  # worse and worse

NEAR = 0.9  # of what real data gets: as good as real
HALF = 0.5  # of what real data gets: better than nothing
WAY = 0.75  # of the way from chance to real
TIMES = 10.0  # the upper end of real data's distance: no longer like real
SHARP, HARDLY = (0.8, 1.25), (0.5, 2.0)  # of the power of real images
LIKE = (0.025, 0.975)  # rank among real ones
ENOUGH = 5  # of fewer, not even all alike would show anything at a level of 0.05 (2^-5)
MOST_ALARMS = 2  # of six tests: beyond, most of what is looked at differs


@dataclass(frozen=True)
class Rule:
    """How a score is judged.

    Attributes:
        judge: a score and what real data gets (None where that is unknown) to a verdict.
        loss: of a value, larger is worse; orders domains of the same verdict.
        widest: an interval wider than this leaves open how much there is of what is measured.
        enough: of fewer cases it is never good.
    """

    judge: Callable[[Score, Score | None], Verdict]
    loss: Callable[[float], float]
    widest: float = math.inf
    enough: int = ENOUGH

    def __call__(self, score: Score, real: Score | None) -> Verdict:
        """The verdict; of a score without a value that it is not measured."""
        if not score.known:
            return "not measured"
        verdict = self.judge(score, real if real is not None and real.known else None)
        return "mixed" if verdict == "good" and self.lacks(score) else verdict

    def lacks(self, score: Score) -> bool:
        """Whether a score is of too few cases to be called good."""
        return score.n < self.enough


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of some; "not measured" only where nothing else is there."""
    return max(verdicts, key=ORDER.index, default="not measured")


def _ends(score: Score) -> tuple[float, float]:
    """The interval; the value alone where it is unknown."""
    known = math.isfinite(score.low) and math.isfinite(score.high)
    return (score.low, score.high) if known else (score.value, score.value)


def _overlap(score: Score, real: Score) -> bool:
    (low, high), (least, most) = _ends(score), _ends(real)
    return low <= most and high >= least


def _way(score: Score, _: Score | None) -> Verdict:
    low, high = _ends(score)
    if score.value >= WAY and low >= HALF:
        return "good"
    # What may be all of the way as well as none of it is not known to be bad.
    return "mixed" if low > 0 or high >= 1 else "bad"


def _as_high(score: Score, real: Score | None) -> Verdict:
    if real is None:
        return "mixed"
    # Nothing at all is bad beside any real value, however wide the intervals are.
    if score.value <= 0 < real.value:
        return "bad"
    if _overlap(score, real) or score.value >= NEAR * real.value:
        return "good"
    return "mixed" if score.value >= HALF * real.value else "bad"


def _as_low(score: Score, real: Score | None) -> Verdict:
    if real is None:
        return "mixed"
    if score.value <= real.value or _overlap(score, real):
        return "good"
    return "mixed" if score.value <= TIMES * max(_ends(real)[1], 0.0) else "bad"


def _no_more(score: Score, real: Score | None) -> Verdict:
    """As `_as_low`, but that few images, whose intervals overlap soon, do not speak for the pairs."""
    verdict = _as_low(score, real)
    if real is None or verdict != "good" or score.value <= real.value:
        return verdict
    return "good" if _ends(score)[1] <= _ends(real)[1] else "mixed"


def _around_one(score: Score, real: Score | None) -> Verdict:
    within = [low <= score.value <= high for low, high in (SHARP, HARDLY)]
    if within[0] or (real is not None and _overlap(score, real)):
        return "good"
    return "mixed" if within[1] else "bad"


def _in_range(score: Score, _: Score | None) -> Verdict:
    low, high = _ends(score)
    if LIKE[0] <= score.value <= LIKE[1]:
        return "good"
    return "mixed" if low <= LIKE[1] and high >= LIKE[0] else "bad"


def _above_zero(score: Score, _: Score | None) -> Verdict:
    if _ends(score)[0] > 0:
        return "good"
    return "mixed" if score.value > 0 else "bad"


def _share(score: Score, _: Score | None) -> Verdict:
    if score.value >= NEAR:
        return "good"
    return "mixed" if score.value >= HALF else "bad"


def _few(score: Score, _: Score | None) -> Verdict:
    if score.value <= 0:
        return "good"
    return "mixed" if score.value <= MOST_ALARMS else "bad"


def _alone(score: Score, real: Score | None) -> Verdict:
    """Never good: what a model learns from synthetic pairs alone says not what they add."""
    return "bad" if _as_high(score, real) == "bad" else "mixed"


def _low_first(value: float) -> float:
    return -value


def _high_first(value: float) -> float:
    return value


def _far_from_one(value: float) -> float:
    return abs(math.log(max(value, 1e-9)))


def _far_from_middle(value: float) -> float:
    return abs(value - 0.5)


WAY_TO_REAL = Rule(_way, _low_first, widest=1.0)  # the way itself
AS_HIGH = Rule(_as_high, _low_first)
AS_LOW = Rule(_as_low, _high_first)
NO_MORE = Rule(_no_more, _high_first)
AROUND_ONE = Rule(_around_one, _far_from_one)
IN_RANGE = Rule(_in_range, _far_from_middle)
ABOVE_ZERO = Rule(_above_zero, _low_first)
SHARE = Rule(_share, _low_first)
FEW = Rule(_few, _high_first, enough=0)  # its n counts tests
ALONE = Rule(_alone, _low_first)
