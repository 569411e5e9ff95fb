"""What answers a question: scores, each with the rule of its verdict and its words."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.report.answers.verdicts import Rule


@dataclass(frozen=True)
class Measure:
    """A score that answers a question.

    Attributes:
        metric: its name.
        rule: of its verdict.
        words: what it is, for people.
        real: name of the score it is read beside, "" where that is a constant.
        real_words: what that is, or what real data gets by construction.
        says: what it means where it is good, mixed and bad, in a plain sentence each.
        fallback: read only where none of the other scores of its question was measured.
    """

    metric: str
    rule: Rule
    words: str
    real: str
    real_words: str
    says: tuple[str, str, str]
    fallback: bool = False


@dataclass(frozen=True)
class Question:
    """A question, the section of the report that holds its numbers, and what answers it."""

    key: str
    text: str
    measures: tuple[Measure, ...]
