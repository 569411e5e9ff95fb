"""Gates parsed, met and missed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from evaluation.errors import InputError
from evaluation.gating.version_gates import COMPARISONS, Bound, Gates, decide
from evaluation.metrics.registry import Score


def score(metric, value, n=200):
    return Score(metric, value, value - 0.01, value + 0.01, n, "", True, {})


@given(st.sampled_from(sorted(COMPARISONS)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_bound_reads_back_what_it_says(comparison, value):
    assert Bound.parse(f"{comparison} {value!r}") == Bound(comparison, value)


@given(st.sampled_from(sorted(COMPARISONS)), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_missed_bound_has_no_positive_margin(comparison, value, measured):
    bound = Bound(comparison, value)
    assert bound.met_by(measured) == (
        bound.margin(measured) > 0 or (measured == value and "=" in comparison)
    )


@pytest.mark.parametrize("text", ["0.75", "== 1", ">= high", ">=", "", ">= 0.75 %", ">= nan"])
def test_what_is_not_a_comparison_is_refused(text):
    with pytest.raises(InputError, match="not a comparison"):
        Bound.parse(text)


def test_a_decision_says_which_gate_failed_by_how_much():
    gates = {"consistency_closed": ">= 0.75", "memorised_share": "<= 0.02"}
    scores = {name: score(name, value) for name, value in zip(gates, (0.70, 0.02), strict=True)}
    decision = decide(gates, scores)
    assert not decision.passed
    assert decision.failures == ("consistency_closed = 0.7 misses >= 0.75 by 0.05",)
    missed, met = decision.verdicts
    assert missed.margin == pytest.approx(-0.05)
    assert met.passed
    assert met.margin == 0
    assert decision.evidence()[0]["measured"] == 0.70


def test_a_missing_score_fails_its_gate():
    decision = decide({"utility_gain": "> 0"}, {})
    assert not decision.passed
    assert "utility_gain has no score" in decision.failures[0]
    assert decision.verdicts[0].measured is None


def test_nan_is_loud():
    decision = decide({"sharpness": "<= 10"}, {"sharpness": score("sharpness", math.nan, n=0)})
    assert decision.failures == ("sharpness could not be measured (n = 0), and it must be <= 10",)


def test_a_gate_on_an_end_of_the_interval_is_held_against_that_end():
    gates = {"consistency": ">= 0.7", "consistency.low": ">= 0.7", "consistency.high": "<= 0.71"}
    decision = decide(gates, {"consistency": score("consistency", 0.70)})
    assert [verdict.passed for verdict in decision.verdicts] == [True, False, True]
    assert decision.failures == ("lower 95 % bound of consistency = 0.69 misses >= 0.7 by 0.01",)
    assert decision.verdicts[1].measured == pytest.approx(0.69)
    assert decision.evidence()[1]["n"] == 200
    assert "upper 95 % bound of consistency = 0.71 meets" in decision.verdicts[2].reason


@pytest.mark.parametrize("bound", [">= -1e9", "<= 1e9", "> -1e9", "< 1e9"])
def test_an_end_that_is_unknown_meets_no_bound(bound):
    known = Score("consistency", 0.9, math.nan, math.nan, 1, "Dice", True, {})
    decision = decide({"consistency.low": bound}, {"consistency": known})
    assert decision.failures == (
        f"lower 95 % bound of consistency could not be measured (n = 1), and it must be {bound}".replace(
            "1e9", "1e+09"
        ),
    )


@pytest.mark.parametrize(
    ("gate", "nearest"),
    [
        ("consistency.lo", "consistency.low"),
        ("consistency.", "consistency.low"),
        ("consistensy.high", "consistency.high"),
        ("consistency.value", "consistency.low"),
    ],
)
def test_a_bound_that_no_score_has_is_refused_with_the_nearest(gate, nearest):
    with pytest.raises(InputError, match=rf"no metric is called '{gate}'.*nearest: .*{nearest}"):
        decide({gate: ">= 0"}, {})


def test_no_gates_let_everything_pass():
    assert decide({}, {}).passed


def test_a_recipe_with_a_bad_bound_is_refused_when_it_is_read():
    class Recipe(BaseModel):
        gates: Gates

    assert Recipe(gates={"consistency": ">= 0.9"}).gates == {"consistency": ">= 0.9"}
    with pytest.raises(ValidationError, match="not a comparison"):
        Recipe(gates={"consistency": "0.9"})
    with pytest.raises(ValidationError, match=r"'consistensy'.*nearest: consistency"):
        Recipe(gates={"consistensy": ">= 0.9"})


@pytest.mark.parametrize("gate", ["kernel_texture", "kernel_texture.low", "utility_worth"])
def test_a_gate_under_a_former_name_is_refused_with_the_name_of_now(gate):
    now = {"kernel_texture": "mmd_texture", "utility_worth": "utility_equivalent_images"}
    with pytest.raises(InputError, match=f"is called '{now[gate.partition('.')[0]]}' now"):
        decide({gate: "> 0"}, {})
    with pytest.raises(InputError, match="no longer measured"):
        decide({"vendi_order2": "> 2"}, {})
