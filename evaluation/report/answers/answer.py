"""An answer is that of the worst score in the worst domain: never better than a number it stands above.

The rules are written down in docs/scores.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.metrics.registry import METRICS, Score
from evaluation.report.answers.finding import OVERALL, Finding, findings, read
from evaluation.report.answers.measure import Question
from evaluation.report.answers.questions import QUESTIONS
from evaluation.report.answers.verdicts import Verdict, worst
from evaluation.report.wording import domain_words, in_words


@dataclass(frozen=True)
class Answer:
    """One question, answered.

    Attributes:
        key: of the section of the report that holds the numbers.
        question: that "good" answers in favour of the pairs.
        verdict: in a word.
        says: what it means, in a plain sentence.
        where: the score that decides is read, up to its name; "" where that is no one place.
        words: the name of that score, for people.
        numbers: its value, interval, what real data gets, and n.
        metric: name of that score, "" where none was measured.
        domain: where it is worst, "" for all domains.
        short: the score's value with its interval, and what real data gets, for one line.
        n: how many cases it is of.
    """

    key: str
    question: str
    verdict: Verdict
    says: str
    where: str = ""
    words: str = ""
    numbers: str = ""
    metric: str = ""
    domain: str = OVERALL
    short: tuple[str, str] = ("", "")
    n: int = 0

    @property
    def sentence(self) -> str:
        """The score that decides, in one sentence; "" where none was measured."""
        return f"{self.where}{self.words} {self.numbers}".strip()

    @property
    def name(self) -> str:
        """The deciding score's name in words and what it is, to explain it where it stands."""
        if not self.metric:
            return ""
        return f"{in_words(self.metric)}: {METRICS[self.metric].description}"


def answers(scores: Sequence[Score]) -> tuple[Answer, ...]:
    """The answers to all questions, in order.

    Args:
        scores: of a version; headlines, and those of single domains where there are any.
    """
    return tuple(_answer(question, scores) for question in QUESTIONS)


def _answer(question: Question, scores: Sequence[Score]) -> Answer:
    found = findings(question, scores)
    if not found:
        counts = [each.score.n for each in read(question, scores)]
        why = f"Not measurable (n = {counts[0]})." if counts else "Not measured."
        return Answer(question.key, question.text, "not measured", why)
    verdict = worst([each.verdict for each in found])
    deciding = _deciding(found, verdict)
    return Answer(
        question.key,
        question.text,
        verdict,
        deciding.says,
        _where(deciding, found),
        deciding.measure.words,
        deciding.numbers,
        deciding.measure.metric,
        deciding.domain,
        deciding.short,
        deciding.score.n,
    )


def _deciding(found: Sequence[Finding], verdict: Verdict) -> Finding:
    """Of the scores with the worst verdict the first one named, in its worst domain."""
    first = next(each.measure for each in found if each.verdict == verdict)
    return max((each for each in found if each.measure is first), key=lambda each: each.badness)


def _where(deciding: Finding, found: Sequence[Finding]) -> str:
    here = [each for each in found if each.measure is deciding.measure and each.domain != OVERALL]
    if deciding.domain == OVERALL:
        return "Over all domains: " if here else ""
    if len(here) < 2:
        return ""
    alike = sum(each.verdict == deciding.verdict for each in here)
    told = alike > 1 and deciding.verdict != "good"
    several = f", {deciding.verdict} in {alike} of {len(here)} domains" * told
    return f"Worst in {domain_words(deciding.domain)}{several}: "
