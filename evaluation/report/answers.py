"""What a version's scores say in short: eight questions, each answered in a sentence and a word.

The rules are written down in docs/scores.md; all other scores stand below these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from evaluation.metrics.registry import Score
from evaluation.report.wording import between, number

Verdict = Literal["yes", "partly", "no", "not measured"]
Rule = Callable[[Score, Score | None], Verdict]

NEAR = 0.9  # of what real data gets: as good as real
HALF = 0.5  # of what real data gets: better than nothing
WAY = 0.75  # of the way from chance to real
TIMES = 10.0  # the upper end of real data's distance: no longer like real
SHARP, HARDLY = (0.8, 1.25), (0.5, 2.0)  # of the power of real images


@dataclass(frozen=True)
class Answer:
    """One question, answered.

    Attributes:
        question: that "yes" answers in favour of the pairs.
        metric: the score that answers it, "" where none was measured.
        sentence: value, interval and what real data gets.
        verdict: in a word.
    """

    question: str
    metric: str
    sentence: str
    verdict: Verdict


@dataclass(frozen=True)
class Question:
    """A question, the score that answers it, what real data gets, and the rule of its verdict."""

    text: str
    metric: str
    words: str
    real: str
    real_words: str
    rule: Rule


def answers(scores: Mapping[str, Score]) -> tuple[Answer, ...]:
    """The answers to all questions, in order; of several scores that could answer, the first.

    Args:
        scores: headline of each metric.
    """
    found: dict[str, Answer] = {}
    for question in QUESTIONS:
        known = found.get(question.text)
        if known is None or known.verdict == "not measured":
            found[question.text] = _answer(question, scores, known)
    return tuple(found.values())


def _answer(question: Question, scores: Mapping[str, Score], known: Answer | None) -> Answer:
    score, real = scores.get(question.metric), scores.get(question.real)
    if score is None or not score.known:
        why = "It was not measured." if score is None else f"It is not measurable (n = {score.n})."
        return known or Answer(question.text, "", why, "not measured")
    parts = [f"{question.words}: {_value(score)}"]
    if question.real_words:
        parts.append(f"{question.real_words}{f': {_value(real)}' if real else ''}")
    sentence = f"{'; '.join(parts)}; n = {score.n}."
    return Answer(question.text, question.metric, sentence, question.rule(score, real))


def _value(score: Score) -> str:
    return f"{number(score.value)} {between(score.low, score.high)}".rstrip()


def _ends(score: Score) -> tuple[float, float]:
    """The interval; the value alone where it is unknown."""
    known = math.isfinite(score.low) and math.isfinite(score.high)
    return (score.low, score.high) if known else (score.value, score.value)


def _overlap(score: Score, real: Score) -> bool:
    (low, high), (least, most) = _ends(score), _ends(real)
    return low <= most and high >= least


def _way(score: Score, _: Score | None) -> Verdict:
    """A share of the way from chance to real."""
    low, _high = _ends(score)
    if score.value >= WAY and low >= HALF:
        return "yes"
    return "partly" if low > 0 else "no"


def _as_high(score: Score, real: Score | None) -> Verdict:
    """Best where it is as high as of real data."""
    if real is None or not real.known:
        return "partly"
    if _overlap(score, real) or score.value >= NEAR * real.value:
        return "yes"
    return "partly" if score.value >= HALF * real.value else "no"


def _as_low(score: Score, real: Score | None) -> Verdict:
    """Best where it is as low as of real data."""
    if real is None or not real.known:
        return "partly"
    if score.value <= real.value or _overlap(score, real):
        return "yes"
    return "partly" if score.value <= TIMES * max(_ends(real)[1], 0.0) else "no"


def _around_one(score: Score, real: Score | None) -> Verdict:
    within = [low <= score.value <= high for low, high in (SHARP, HARDLY)]
    if within[0] or (real is not None and real.known and _overlap(score, real)):
        return "yes"
    return "partly" if within[1] else "no"


def _in_range(score: Score, _: Score | None) -> Verdict:
    """A rank among real ones."""
    low, high = _ends(score)
    if 0.025 <= score.value <= 0.975:
        return "yes"
    return "partly" if low <= 0.975 and high >= 0.025 else "no"


def _above_zero(score: Score, _: Score | None) -> Verdict:
    if _ends(score)[0] > 0:
        return "yes"
    return "partly" if score.value > 0 else "no"


FIT, REAL, DIVERSE, HELP = (
    "Do the masks fit?",
    "Do the images look real?",
    "Are they as diverse as real ones?",
    "Do they help beside real images?",
)

# In order; where a question comes twice, the later score answers where the first was not measured.
QUESTIONS = (
    Question(
        FIT,
        "consistency_closed",
        "Agreement with a judge of real pairs, where masks of other pairs get 0",
        "",
        "real pairs get 1",
        _way,
    ),
    Question(
        REAL,
        "mmd_handcrafted",
        "Distance (MMD) to real training pairs",
        "mmd_handcrafted_real",
        "of real held-out pairs",
        _as_low,
    ),
    Question(
        REAL,
        "mmd_texture",
        "Distance (MMD) of texture to real training images",
        "mmd_texture_real",
        "of real held-out images",
        _as_low,
    ),
    Question(
        "Are they as sharp as real ones?",
        "sharpness",
        "Power of fine detail over that of real held-out images",
        "sharpness_real",
        "of real training images",
        _around_one,
    ),
    Question(
        DIVERSE,
        "coverage",
        "Share of real pairs with a synthetic one near",
        "coverage_real",
        "with a real held-out one",
        _as_high,
    ),
    Question(
        DIVERSE,
        "ms_ssim_rank",
        "Share of real image pairs less alike than synthetic ones are in the mean",
        "",
        "real ones get 0.025 to 0.975",
        _in_range,
    ),
    Question(
        "Are they more than copies?",
        "memorised_share",
        "Share of near copies of training images",
        "memorised_share_real",
        "among real images of other patients",
        _as_low,
    ),
    Question(
        "Does a model trained on them alone work?",
        "tstr_dice",
        "Dice on real pairs of a segmenter trained on synthetic ones",
        "consistency_real",
        "of one trained on real ones",
        _as_high,
    ),
    Question(
        HELP,
        "utility_gain",
        "Dice that a segmenter gains on real pairs",
        "",
        "real images alone get 0",
        _above_zero,
    ),
    Question(
        HELP,
        "utility_auroc_gain",
        "AUROC that a classifier gains on real images",
        "",
        "real images alone get 0",
        _above_zero,
    ),
    Question(
        "Do they show the finding that was asked for?",
        "finding_agreement_closed",
        "Way of their recognition from chance to that of real images",
        "",
        "real images get 1",
        _way,
    ),
)
