"""A challenger and a champion, worked out by hand, and the rule that holds for all of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.gating.champion import challenge, lead
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate


def score(metric, value, half=0.01, **parameters):
    return Score.of(metric, Estimate(value, value - half, value + half, 50), **parameters)


def test_better_is_beyond_the_interval_of_the_difference():
    # 0.03 and 0.04 are the half widths, so the difference is known to 0.05.
    ours, theirs = score("consistency", 0.90, 0.03), score("consistency", 0.84, 0.04)
    gap = lead(ours, theirs)
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.06, 0.01, 0.11))
    won = challenge("consistency", ours, theirs, "v1")
    assert won.won
    assert won.reason == "consistency 0.9 against 0.84 of v1: better by 0.06 [0.01, 0.11]"
    lost = challenge("consistency", score("consistency", 0.88, 0.03), theirs, "v1")
    assert not lost.won
    assert lost.reason.endswith("[-0.01, 0.09], which is not beyond the interval")


def test_where_lower_is_better_the_lower_one_wins():
    fine, rough = score("consistency_hd95", 2.0), score("consistency_hd95", 3.0)
    assert challenge("consistency_hd95", fine, rough, "v1").won
    assert not challenge("consistency_hd95", rough, fine, "v1").won


def test_what_cannot_be_compared_changes_nothing():
    known = score("consistency", 0.9)
    bare = Score.of("consistency", Estimate(0.99, math.nan, math.nan, 1))
    none = Score.of("consistency", Estimate(math.nan, math.nan, math.nan, 0))
    assert "measured in the same way" in challenge("consistency", known, None, "v1").reason
    assert "measured in the same way" in challenge("consistency", None, known, "v1").reason
    other = score("consistency", 0.2, seed=1)
    assert "measured in the same way" in challenge("consistency", known, other, "v1").reason
    assert "may be chance" in challenge("consistency", bare, known, "v1").reason
    for ours, theirs in ((bare, known), (none, known), (known, none), (known, None)):
        assert not challenge("consistency", ours, theirs, "v1").won


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.2), st.floats(0.001, 0.2))
def test_two_versions_never_beat_each_other(a, b, half_a, half_b):
    one, two = score("consistency", a, half_a), score("consistency", b, half_b)
    assert not (lead(one, two).low > 0 and lead(two, one).low > 0)
    assert not challenge("consistency", one, one, "v1").won
