import math

import pytest

from evaluation.metrics.registry import METRICS, Score
from evaluation.report.answers import QUESTIONS, answers
from evaluation.statistics.bootstrap import NOTHING, Estimate

CLOSED, GAIN = "consistency_closed", "utility_gain"


def a_score(metric, value, low=math.nan, high=math.nan, n=40):
    return Score.of(metric, Estimate(value, low, high, n))


def verdict_of(*scores):
    found = answers({score.metric: score for score in scores})
    (answer,) = [each for each in found if each.verdict != "not measured"]
    return answer.verdict


def test_eight_questions_are_answered_by_known_scores():
    assert len(answers({})) == 8
    assert {question.metric for question in QUESTIONS} <= set(METRICS)
    assert {question.real for question in QUESTIONS} <= {*METRICS, ""}


def test_an_answer_states_value_interval_and_what_real_data_gets():
    scores = [a_score("tstr_dice", 0.85, 0.8, 0.9), a_score("consistency_real", 0.95, 0.94, 0.96)]
    found = answers({score.metric: score for score in scores})
    (answer,) = [each for each in found if each.metric == "tstr_dice"]
    assert answer.sentence == (
        "Dice on real pairs of a segmenter trained on synthetic ones: 0.850 [0.800, 0.900]; "
        "of one trained on real ones: 0.950 [0.940, 0.960]; n = 40."
    )


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [(0.7, 0.8, 0.9, "yes"), (0.4, 0.8, 1.2, "partly"), (0.3, 0.5, 0.7, "partly"),
     (-0.2, 0.1, 0.4, "no")],
)  # fmt: skip
def test_masks_fit_by_their_way_from_chance_to_real(low, value, high, verdict):
    assert verdict_of(a_score(CLOSED, value, low, high)) == verdict


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [(0.01, 0.03, 0.05, "yes"), (-0.01, 0.01, 0.03, "partly"), (-0.05, -0.02, 0.01, "no")],
)
def test_a_gain_is_one_beyond_its_interval(low, value, high, verdict):
    assert verdict_of(a_score(GAIN, value, low, high)) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.012, "yes"), (0.1, "partly"), (0.5, "no")])
def test_distances_and_copies_are_held_against_real_ones(value, verdict):
    real = a_score("memorised_share_real", 0.01, 0.0, 0.02)
    assert verdict_of(a_score("memorised_share", value), real) == verdict
    floor = a_score("mmd_handcrafted_real", 0.01, 0.0, 0.02)
    assert verdict_of(a_score("mmd_handcrafted", value), floor) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "yes"), (0.6, "partly"), (0.2, "no")])
def test_diversity_is_held_against_real_ones(value, verdict):
    assert verdict_of(a_score("coverage", value), a_score("coverage_real", 0.92)) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(1.2, "yes"), (0.6, "partly"), (3.0, "no")])
def test_sharpness_is_best_at_one(value, verdict):
    assert verdict_of(a_score("sharpness", value)) == verdict


def test_images_without_masks_are_answered_by_scores_of_images():
    found = {a.question: a for a in answers({"mmd_texture": a_score("mmd_texture", 0.1)})}
    assert found["Do the images look real?"].metric == "mmd_texture"
    assert found["Do the images look real?"].verdict == "partly"  # nothing says what real ones get


def test_what_is_not_measurable_is_not_measured():
    unknown = Score.of(CLOSED, Estimate(math.nan, math.nan, math.nan, 3))
    assert answers({CLOSED: unknown})[0].verdict == "not measured"
    assert answers({CLOSED: unknown})[0].sentence == "It is not measurable (n = 3)."
    assert answers({CLOSED: Score.of(CLOSED, NOTHING)})[0].metric == ""
