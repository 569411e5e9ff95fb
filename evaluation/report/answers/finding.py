"""One score in one domain with its verdict, and how a version's scores are read as such."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.metrics.registry import METRICS, Score
from evaluation.report.answers.measure import Measure, Question
from evaluation.report.answers.verdicts import ORDER, Verdict
from evaluation.report.wording import between, number

TESTS = "tests"  # unit of a score that counts them, of n
BARELY = 1.05  # times as wide as can be read: says no more than "as wide"
MOST_TIMES = 100  # as many pairs: more are out of reach
OVERALL = ""  # in place of a domain: the mean over all of them


@dataclass(frozen=True)
class Finding:
    """One score in one domain with its verdict."""

    measure: Measure
    domain: str
    score: Score
    real: Score | None
    verdict: Verdict

    @property
    def badness(self) -> tuple[int, float]:
        """Larger is worse: the verdict first, then the value."""
        loss = self.measure.rule.loss(self.score.value) if self.score.known else float("-inf")
        return ORDER.index(self.verdict), loss

    @property
    def says(self) -> str:
        """What the verdict means; that too few were looked at, or the interval leaves open how much."""
        said = self.measure.says[ORDER.index(self.verdict) - 1]
        if self.verdict != "bad" and self.measure.rule.lacks(self.score):
            return f"Too few to say (n = {self.score.n})."
        return f"{said} {_how_open(self._times)}" if self._times > 1 else said

    @property
    def numbers(self) -> str:
        """Value and interval, what they are read beside, and n."""
        parts = [self._value]
        if self.measure.real_words:
            beside = f" {_value(self.real)}" if self.real is not None else ""
            parts.append(f"{self.measure.real_words}{beside}")
        return f"{'; '.join(parts)}; n = {self.score.n}."

    @property
    def short(self) -> tuple[str, str]:
        """Value with its interval; what real data gets, without."""
        if self.real is None:
            return self._value, self.measure.real_words
        return self._value, f"real {number(self.real.value)}"

    @property
    def _times(self) -> float:
        """How many times as wide the interval is as can be read; 0 where it is unknown."""
        width = self.score.high - self.score.low
        return width / self.measure.rule.widest if math.isfinite(width) else 0.0

    @property
    def _value(self) -> str:
        """Value and interval; where that is too wide, only what of the way from 0 to 1 it spans."""
        if self._times <= 1:
            return _value(self.score)
        low = "<0" if self.score.low < 0 else number(self.score.low)
        high = ">1" if self.score.high > 1 else number(self.score.high)
        return f"open: {low} to {high}"


def _how_open(times: float) -> str:
    """That an interval is too wide, and what would narrow it: its width falls with the root of n."""
    if times < BARELY:
        return "How much is open: the interval is as wide as the way to real ones; a few more narrow it."
    wide = f"How much is open: the interval is {times:.2g} times as wide as the way to real ones."
    if (more := math.ceil(times**2)) > MOST_TIMES:
        return (
            f"{wide} Real ones are hardly told from chance here, so more pairs alone will not do."
        )
    return f"{wide} It takes about {more} times as many pairs and real held-out ones to narrow it to that."


def findings(question: Question, scores: Sequence[Score]) -> list[Finding]:
    """Every score that answers a question, domain by domain, with its verdict."""
    found = [each for each in read(question, scores) if each.verdict != "not measured"]
    leading = [each for each in found if not each.measure.fallback]
    return leading or found


def read(question: Question, scores: Sequence[Score]) -> Iterator[Finding]:
    """The same with those that are not measurable."""
    for measure in question.measures:
        for score in _spoken(measure.metric, scores):
            domain = str(score.parameters.get("domain", OVERALL))
            real = _beside(measure.real, domain, scores)
            yield Finding(measure, domain, score, real, measure.rule(score, real))


def _spoken(metric: str, scores: Sequence[Score]) -> list[Score]:
    """The headline of a metric and the scores of domains that it is the mean of."""
    found = [score for score in scores if score.metric == metric and score.whole]
    heads = [score for score in found if score.headline]
    parts = [score for score in found if not score.headline]
    if heads:
        parts = [score for score in parts if _agree(score, heads[-1])] or parts
    # The mean over one domain is that domain.
    return parts if len(parts) == 1 else [*parts, *heads[-1:]]


def _agree(part: Score, head: Score) -> bool:
    """Whether a score of a domain is of the networks and sizes that the headline is of."""
    shared = set(part.parameters) & set(head.parameters)
    return all(
        str(part.parameters[name]) in str(head.parameters[name]).split("+")
        for name in shared
        if isinstance(head.parameters[name], str)
    )


def _beside(metric: str, domain: str, scores: Sequence[Score]) -> Score | None:
    found = {
        str(score.parameters.get("domain", OVERALL)): score
        for score in scores
        if score.metric == metric and score.whole
    }
    return found.get(domain, found.get(OVERALL) if len(found) == 1 else None)


def _value(score: Score | None) -> str:
    if score is None:
        return ""
    if METRICS[score.metric].unit == TESTS:
        return f"{score.value:.3g} of {score.n}"
    return f"{number(score.value)} {between(score.low, score.high)}".rstrip()


# In order; the first score of a question with the worst verdict is the one that is told.
