"""One sentence says whether pairs help, and never claims what the interval does not."""

import math

import pytest

from evaluation.metrics.registry import Score
from evaluation.report.answers.help_sentence import help_sentence
from evaluation.statistics.bootstrap import Estimate


def gain(value, low, high, metric="utility_gain", real="10"):
    return {metric: Score.of(metric, Estimate(value, low, high, 42), domain="a", real=real)}


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        (
            gain(0.061, 0.04, 0.087),
            "The pairs help: +0.061 [0.040, 0.087] Dice beside 10 real (n = 42).",
        ),
        (
            gain(-0.005, -0.011, 0.001, real="all"),
            "The pairs do not help: -0.005 [-0.011, 0.001] Dice beside all real (n = 42).",
        ),
        (
            gain(-0.02, -0.03, -0.01, "utility_auroc_gain"),
            "The pairs do harm: -0.020 [-0.030, -0.010] AUROC beside 10 real (n = 42).",
        ),
        (
            gain(0.1, math.nan, math.nan),
            "The pairs do not help: +0.100 Dice beside 10 real (n = 42).",
        ),
        ({}, ""),
    ],
)
def test_the_sentence(scores, sentence):
    assert help_sentence(scores) == sentence


def test_help_that_one_domain_lacks_is_not_told_of_all():
    said = help_sentence(gain(0.061, 0.04, 0.087), "bad")
    assert said.startswith("The pairs help, but not everywhere: +0.061")
    assert help_sentence(gain(-0.02, -0.03, -0.01), "bad").startswith("The pairs do harm: ")
