import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.closed_loop.facets import facets_of
from evaluation.closed_loop.gain import gain_over, mean_over_facets, no_longer_gains
from evaluation.closed_loop.round import Round, best
from evaluation.pairs import take
from evaluation.statistics.bootstrap import NOTHING, Estimate

COMMON_AND_RARE = np.array(["common"] * 6 + ["rare"] * 2, object)


def table(values, seeds=2):
    index = pd.MultiIndex.from_arrays([range(len(values))] * 2, names=["unit", "case"])
    return pd.DataFrame(dict.fromkeys(range(seeds), values), index=index)


def test_a_rare_facet_counts_as_much_as_a_common_one():
    found = mean_over_facets(table([0.9] * 6 + [0.5] * 2), COMMON_AND_RARE)
    assert found.value == pytest.approx((0.9 + 0.5) / 2)
    assert found.low <= found.value <= found.high


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8), st.floats(-0.2, 0.2))
def test_what_rises_everywhere_by_as_much_gains_that(values, step):
    before = table(values)
    found = gain_over(before, before + step, COMMON_AND_RARE)
    assert found.value == pytest.approx(step, abs=1e-9)


def test_cases_are_compared_with_themselves_whatever_their_order():
    before = table(np.linspace(0, 1, 8))
    assert gain_over(before.iloc[::-1], before, COMMON_AND_RARE).value == 0


def estimate(low, value=0.1):
    return Estimate(value, low, value + 0.1, 9)


@pytest.mark.parametrize(
    ("lows", "ended"),
    [([], False), ([-0.1], False), ([-0.1, 0.01], False), ([0.01, -0.1, 0.0], True)],
    ids=["none", "one", "then-gain", "two"],
)
def test_two_rounds_without_a_sure_gain_end_a_loop(lows, ended):
    assert no_longer_gains([estimate(low) for low in lows], 2) == ended


def test_a_gain_without_interval_is_no_sure_one():
    assert no_longer_gains([Estimate(0.2, float("nan"), float("nan"), 1)] * 2, 2)


def test_the_best_round_is_the_first_of_the_highest():
    levels = [0.5, 0.7, 0.7, 0.6]
    rounds = [Round(n, "s", f"v{n}", [], [], estimate(0, v), NOTHING) for n, v in enumerate(levels)]
    assert best(rounds).version == "v1"


def test_pairs_are_of_the_facet_of_their_columns(discs):
    pairs = take(discs(2, domain="a"), np.arange(2))
    pairs.facets.loc[1, "finding"] = ""
    assert list(facets_of(pairs, ("domain", "finding"))) == ["a, round", "a"]
