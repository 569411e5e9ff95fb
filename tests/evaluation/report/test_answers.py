import math

import pytest

from evaluation.metrics.registry import METRICS, Score, over_domains
from evaluation.report.answers.answer import answers
from evaluation.report.answers.finding import findings
from evaluation.report.answers.questions import QUESTIONS
from evaluation.report.answers.verdicts import ORDER
from evaluation.statistics.bootstrap import NOTHING, Estimate

CLOSED, GAIN = "consistency_closed", "utility_gain"


def a_score(metric, value, low=math.nan, high=math.nan, n=40, **parameters):
    return Score.of(metric, Estimate(value, low, high, n), **parameters)


def answer_of(*scores):
    (answer,) = [each for each in answers(scores) if each.verdict != "not measured"]
    return answer


def verdict_of(*scores):
    return answer_of(*scores).verdict


def in_domains(metric, values):
    """Scores of domains a, b, …, and the headline that is their mean."""
    parts = [
        a_score(metric, value, value - 0.02, value + 0.02, domain=name)
        for name, value in zip("abcdef", values, strict=False)
    ]
    return [*parts, over_domains(parts, [part.parameters["domain"] for part in parts])]


def test_six_questions_are_answered_by_known_scores():
    assert len(answers([])) == 6
    measures = [measure for question in QUESTIONS for measure in question.measures]
    assert {measure.metric for measure in measures} <= set(METRICS)
    assert {measure.real for measure in measures} <= {*METRICS, ""}
    assert all(len(measure.says) == 3 for measure in measures)


def test_an_answer_states_value_interval_and_what_real_data_gets():
    answer = answer_of(a_score("coverage", 0.85, 0.8, 0.9), a_score("coverage_real", 0.95, 0.94, 1))
    assert answer.sentence == (
        "share of real pairs with a synthetic one near 0.850 [0.800, 0.900]; "
        "with a real held-out one near 0.950 [0.940, 1.000]; n = 40."
    )
    assert "Share of real training pairs" in answer.name


def test_the_worst_domain_answers_and_is_named():
    answer = answer_of(
        *in_domains("coverage", (0.9, 0.0, 0.0)), *in_domains("coverage_real", [0.9] * 3)
    )
    assert answer.verdict == "bad"
    assert answer.domain == "b"
    assert answer.sentence.startswith("Worst in b, bad in 2 of 3 domains: ")


def test_an_answer_is_never_better_than_any_number_below_it():
    """A met gate and good agreement do not hide nothing near, or what every test tells apart."""
    scores = [
        *in_domains(CLOSED, (0.9, 0.9, 0.9)),
        *in_domains("plausible_share", (0.0, 0.9, 0.9)),
        *in_domains("plausible_share_real", (0.9, 0.9, 0.9)),
        *in_domains("precision", (0.0, 0.0, 0.8)),
        *in_domains("precision_real", (0.8, 0.8, 0.8)),
        *in_domains("alarms", (5, 5, 5)),
        *in_domains("coverage", (0.0, 0.0, 0.9)),
        *in_domains("coverage_real", (0.9, 0.9, 0.9)),
    ]
    found = {answer.key: answer for answer in answers(scores)}
    assert [found[key].verdict for key in ("consistency", "fidelity", "diversity")] == ["bad"] * 3
    for question in QUESTIONS:
        for finding in findings(question, scores):
            assert ORDER.index(finding.verdict) <= ORDER.index(found[question.key].verdict)


@pytest.mark.parametrize("high", [0.01, 0.95])
def test_nothing_near_is_bad_however_wide_the_interval(high):
    assert (
        verdict_of(a_score("coverage", 0.0, 0.0, high), a_score("coverage_real", 0.9, 0.8, 1))
        == "bad"
    )


def test_the_mean_over_domains_counts_too():
    parts = [a_score(GAIN, 0.01, 0.001, 0.02, domain=name) for name in "ab"]
    assert verdict_of(*parts, a_score(GAIN, 0.01, -0.01, 0.02)) == "mixed"


def test_a_gain_is_told_of_the_size_that_its_headline_is_of():
    told = {"segmenter": "unet", "ratio": 1.0, "provenance": "transfer"}
    few = a_score(GAIN, 0.1, 0.05, 0.15, domain="a", real="4", **told)
    many = a_score(GAIN, -0.1, -0.2, 0.0, domain="a", real="64", **told)
    assert verdict_of(few, many, a_score(GAIN, 0.1, 0.05, 0.15, real="4", **told)) == "good"


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [(0.7, 0.8, 0.9, "good"), (0.4, 0.8, 1.2, "mixed"), (0.3, 0.5, 0.7, "mixed"),
     (-0.2, 0.1, 0.4, "bad"), (-0.2, 0.1, 1.0, "mixed"), (0.0, 0.0, 0.99, "bad")],
)  # fmt: skip
def test_masks_fit_by_their_way_from_chance_to_real(low, value, high, verdict):
    assert verdict_of(a_score(CLOSED, value, low, high)) == verdict


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [(0.01, 0.03, 0.05, "good"), (-0.01, 0.01, 0.03, "mixed"), (-0.05, -0.02, 0.01, "bad")],
)
def test_a_gain_is_one_beyond_its_interval(low, value, high, verdict):
    assert verdict_of(a_score(GAIN, value, low, high)) == verdict


def test_many_copies_beside_few_real_images_are_not_called_none():
    real = a_score("memorised_share_real", 0.17, 0.03, 0.56, n=6)
    assert verdict_of(a_score("memorised_share", 0.42, 0.25, 0.61, n=24), real) == "mixed"
    assert verdict_of(a_score("memorised_share", 0.2, 0.1, 0.5, n=24), real) == "good"


@pytest.mark.parametrize(("value", "verdict"), [(0.012, "good"), (0.1, "mixed"), (0.5, "bad")])
def test_distances_and_copies_are_held_against_real_ones(value, verdict):
    real = a_score("memorised_share_real", 0.01, 0.0, 0.02)
    assert verdict_of(a_score("memorised_share", value), real) == verdict
    floor = a_score("mmd_handcrafted_real", 0.01, 0.0, 0.02)
    assert verdict_of(a_score("mmd_handcrafted", value), floor) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "good"), (0.6, "mixed"), (0.2, "bad")])
def test_diversity_is_held_against_real_ones(value, verdict):
    assert verdict_of(a_score("coverage", value), a_score("coverage_real", 0.92)) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(1.2, "good"), (0.6, "mixed"), (3.0, "bad")])
def test_sharpness_is_best_at_one(value, verdict):
    assert verdict_of(a_score("sharpness", value)) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0, "good"), (2, "mixed"), (3, "bad")])
def test_alarms_are_counted(value, verdict):
    answer = answer_of(a_score("alarms", value, n=6))
    assert answer.verdict == verdict
    assert f"{value} of 6;" in answer.sentence


def test_training_on_synthetic_pairs_alone_does_not_show_that_they_help():
    alone = [a_score("tstr_dice", 0.9, 0.8, 1.0), a_score("consistency_real", 0.9, 0.8, 1.0)]
    assert verdict_of(*alone) == "mixed"
    assert verdict_of(*alone, a_score(GAIN, 0.03, 0.01, 0.05)) == "good"


def test_images_without_masks_are_answered_by_scores_of_images():
    answer = answer_of(a_score("mmd_texture", 0.1))
    assert answer.metric == "mmd_texture"
    assert answer.verdict == "mixed"  # nothing says what real ones get


def test_what_is_not_measurable_is_not_measured():
    unknown = Score.of(CLOSED, Estimate(math.nan, math.nan, math.nan, 3))
    assert answers([unknown])[0].verdict == "not measured"
    assert answers([unknown])[0].says == "Not measurable (n = 3)."
    assert answers([Score.of(CLOSED, NOTHING)])[0].metric == ""


@pytest.mark.parametrize(
    ("low", "value", "high", "shown", "said"),
    [
        (0, 2, 11, "open: 0.000 to >1", "11 times as wide as the way"),
        (-7.671, -0.333, 0.766, "open: <0 to 0.766", "about 72 times as many pairs"),
        (0.2, 0.9, 2.2, "open: 0.200 to >1", "about 4 times as many pairs"),
        (0.49, 0.9, 1.51, "open: 0.490 to >1", "is as wide as the way to real ones; a few more"),
    ],
)
def test_a_share_that_an_interval_leaves_open_is_told_in_words(low, value, high, shown, said):
    answer = answer_of(a_score(CLOSED, value, low, high))
    assert answer.verdict == ("mixed" if low > 0 or high >= 1 else "bad")
    assert answer.short == (shown, "real pairs get 1")
    assert shown in answer.sentence
    assert f"{value:.3f}" not in answer.sentence
    assert said in answer.says


def test_more_pairs_are_not_advised_where_real_ones_are_hardly_told_from_chance():
    assert "more pairs alone will not do" in answer_of(a_score(CLOSED, 2, 0, 11)).says
    assert "open" not in answer_of(a_score(CLOSED, 0.9, 0.5, 1.4)).says
    assert "open" not in answer_of(a_score(GAIN, 0.9, -3, 4)).says


def test_too_few_cases_are_never_called_good():
    enough, few = (a_score("asked_present", 1.0, n=n) for n in (5, 4))
    assert verdict_of(enough) == "good"
    answer = answer_of(few)
    assert (answer.verdict, answer.says, answer.n) == ("mixed", "Too few to say (n = 4).", 4)
    assert verdict_of(a_score("asked_present", 0.1, n=2)) == "bad"
