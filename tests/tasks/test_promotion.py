"""Promotion on a real lake: the first version, a better one, one that is not, and repetition."""

import pytest

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate
from tasks.promotion import FIRST, challenge
from tasks.publishing import Release

METRIC = "consistency_closed"


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path))


def about(number, judge="judge"):
    return ScoreKey(f"S{number}", "val", judge, "set")


def published(lake, number, value, judge="judge"):
    score = Score.of(METRIC, Estimate(value, value - 0.02, value + 0.02, 50))
    lake.record(about(number, judge), [score])
    lake.record_scoring(about(number, judge), "terms", f"G{number}", [score])
    lake.publish("set", number, f"S{number}", f"run{number}")


def challenged(lake, number, judge="judge"):
    release = Release(f"run{number}", f"S{number}", "base", number)
    return challenge.fn(lake, about(number, judge), "terms", METRIC, release)


def events(lake):
    rows = lake.versions("set")
    return [
        (number, event)
        for number, event in zip(rows["number"], rows["event"], strict=True)
        if event != "published"
    ]


def test_only_what_is_better_beyond_the_interval_is_promoted(lake):
    for number, value in ((1, 0.70), (2, 0.72), (3, 0.80)):
        published(lake, number, value)
    first = challenged(lake, 1)
    assert (first.champion, first.moved, first.reason) == ("v1", True, FIRST)
    second = challenged(lake, 2)
    assert (second.champion, second.moved) == ("v1", False)
    assert "better by 0.02 [-0.008284, 0.04828]" in second.reason  # 0.02 · √2 = 0.0283
    third = challenged(lake, 3)
    assert (third.champion, third.moved) == ("v3", True)
    assert events(lake) == [(1, "promoted"), (2, "challenged"), (3, "promoted")]
    assert lake.champion("set") == (3, "S3")


def test_a_challenge_repeated_changes_nothing(lake):
    published(lake, 1, 0.70)
    published(lake, 2, 0.80)
    for number in (1, 2):
        challenged(lake, number)
    before = lake.versions("set")
    assert challenged(lake, 2).champion == "v2"
    assert lake.versions("set").equals(before)
    # The older version, run again, stays behind.
    assert challenged(lake, 1).champion == "v2"


def test_another_judge_says_nothing_about_the_champion(lake):
    published(lake, 1, 0.70)
    challenged(lake, 1)
    published(lake, 2, 0.95, judge="lenient")
    found = challenged(lake, 2, judge="lenient")
    assert found.champion == "v1"
    assert "measured in the same way" in found.reason
    published(lake, 1, 0.60, judge="lenient")
    assert challenged(lake, 2, judge="lenient").champion == "v2"


def test_where_the_champion_was_withdrawn_the_one_before_it_defends(lake):
    for number, value in ((1, 0.70), (2, 0.80), (3, 0.75)):
        published(lake, number, value)
    challenged(lake, 1)
    challenged(lake, 2)
    lake.withdraw("set", 2, "shifted")
    assert challenged(lake, 3).champion == "v3"
