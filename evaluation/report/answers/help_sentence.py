"""Whether the pairs help beside real images, in one sentence with its figure."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.metrics.registry import Score
from evaluation.report.answers.verdicts import Verdict
from evaluation.report.wording import between, signed

MEASURES = {"utility_gain": "Dice", "utility_auroc_gain": "AUROC"}


def help_sentence(scores: Mapping[str, Score], verdict: Verdict = "good") -> str:
    """The gain of a segmenter, or else of a classifier, in words; "" where none was measured.

    A gain whose interval holds 0 was not shown; it is told as no help, with the figure.

    Args:
        scores: headline of each metric.
        verdict: of the question whether they help, which is that of the worst domain.
    """
    for metric, measure in MEASURES.items():
        score = scores.get(metric)
        if score is not None and score.known:
            return f"{_said(score, verdict)}: {_figure(score, measure)}."
    return ""


def _said(score: Score, verdict: Verdict) -> str:
    if score.low > 0:
        return "The pairs help" + ", but not everywhere" * (verdict != "good")
    return "The pairs do harm" if score.high < 0 else "The pairs do not help"


def _figure(score: Score, measure: str) -> str:
    gain = f"{signed(score.value)} {between(score.low, score.high)}".rstrip()
    beside = f"{score.parameters.get('real', '')} real".lstrip()
    return f"{gain} {measure} beside {beside} (n = {score.n})"
