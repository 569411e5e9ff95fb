"""Gates on single pairs: who misses, why, and what no gate may name."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from evaluation.features.spectrum import upper_power
from evaluation.gating.pair_gates import REJECTING, PairGates, missed, reason
from evaluation.gating.pair_metrics import PAIR_NUMBERS, pair_numbers
from evaluation.gating.version_gates import COMPARISONS
from evaluation.privacy.memorisation import NearestNeighbourDistances


class Recipe(BaseModel):
    pair_gates: PairGates


def test_a_pair_misses_the_gates_whose_bounds_it_does_not_meet():
    table = pd.DataFrame({"nearest_distance": [0.1, 0.2, math.nan], "copied": [1.0, 0.0, 0.0]})
    found = missed({"nearest_distance": ">= 0.2", "copied": "< 1"}, table)
    # A distance that is unknown shows nothing, so the pair does not pass.
    assert found["nearest_distance"].tolist() == [True, False, True]
    assert found["copied"].tolist() == [True, False, False]


@given(st.sampled_from(sorted(COMPARISONS)), st.lists(st.floats(-9, 9), min_size=1))
def test_a_tighter_bound_never_lets_more_pairs_pass(comparison, values):
    table = pd.DataFrame({"upper_power": values})
    loose, tight = (0.0, 1.0) if comparison.startswith(">") else (1.0, 0.0)
    less, more = (
        missed({"upper_power": f"{comparison} {bound}"}, table)["upper_power"]
        for bound in (loose, tight)
    )
    assert not (less & ~more).any()


def test_the_reason_says_by_how_much():
    assert reason("nearest_distance", ">= 0.2", 0.12) == (
        "nearest_distance = 0.12 misses >= 0.2 by 0.08"
    )
    assert "could not be measured, and it must be < 1" in reason("copied", "<1", math.nan)


def test_the_judge_never_rejects():
    with pytest.raises(ValidationError, match=r"the judge never rejects.*gate the version instead"):
        Recipe(pair_gates={"dice": ">= 0.7"})


def test_what_is_no_number_of_a_pair_is_refused_with_the_nearest():
    with pytest.raises(ValidationError, match="called 'nearest_distanse'; nearest: nearest_dist"):
        Recipe(pair_gates={"nearest_distanse": ">= 0.2"})
    with pytest.raises(ValidationError, match="nearest: nearest_distance"):
        Recipe(pair_gates={"nearest": ">= 3"})  # a row number, not an amount
    with pytest.raises(ValidationError, match="not a comparison"):
        Recipe(pair_gates={"copied": "0"})
    assert Recipe(pair_gates=dict.fromkeys(REJECTING, "< 1"))


def test_numbers_are_those_that_scoring_finds(discs):
    made, train, held_out = discs(4, seed=3), discs(6), discs(5, seed=9)
    made.images[2] = train.images[4]
    found = pair_numbers(made, train, held_out, REJECTING)
    resemblance = NearestNeighbourDistances.of(made, train, held_out)
    assert found["pair"].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found["nearest_distance"], resemblance.distance)
    assert found["copied"].tolist() == resemblance.copied.tolist()
    assert found["copied"][2]
    np.testing.assert_array_equal(found["upper_power"], upper_power(made.images))


def test_only_what_is_asked_for_is_worked_out(discs):
    found = pair_numbers(discs(2), discs(3), discs(3), ["upper_power"])
    assert list(found.columns) == ["upper_power", "domain", "pair"]


def test_without_any_real_mask_nothing_is_known_to_be_plausible(discs):
    made, real = discs(2), discs(3)
    blind = replace(real, masks=real.masks * 0, has_mask=np.zeros(3, bool))
    assert pair_numbers(made, blind, blind, ["plausible"])["plausible"].isna().all()
    half = replace(made, has_mask=np.array([True, False]))
    assert pair_numbers(half, real, real, ["plausible"])["plausible"].isna().tolist() == [
        False,
        True,
    ]


@pytest.mark.parametrize("name", PAIR_NUMBERS)
def test_every_number_says_what_it_is(name):
    assert PAIR_NUMBERS[name].description.endswith(".")
    assert PAIR_NUMBERS[name].version >= 1
