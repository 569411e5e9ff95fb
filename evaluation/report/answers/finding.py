"""One score in one domain with its verdict, and how a version's scores are read as such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.metrics.registry import Score
from evaluation.report.answers.measure import Measure, Question
from evaluation.report.answers.verdicts import ORDER, Verdict
from evaluation.report.wording import between, number

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
    def numbers(self) -> str:
        """Value and interval, what they are read beside, and n."""
        parts = [_value(self.score)]
        if self.measure.real_words:
            beside = f" {_value(self.real)}" if self.real is not None else ""
            parts.append(f"{self.measure.real_words}{beside}")
        return f"{'; '.join(parts)}; n = {self.score.n}."

    @property
    def short(self) -> tuple[str, str]:
        """Value with its interval; what real data gets, without."""
        if self.real is None:
            return _value(self.score), self.measure.real_words
        return _value(self.score), f"real {number(self.real.value)}"


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
    return f"{number(score.value)} {between(score.low, score.high)}".rstrip()


# In order; the first score of a question with the worst verdict is the one that is told.
