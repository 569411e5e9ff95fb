import math

import pandas as pd
import pytest

from evaluation.metrics.registry import Score
from evaluation.report.changes import (
    Changes,
    ScoreChange,
    facet_counts,
    kinds,
    score_changes,
    write_changes,
)
from evaluation.report.gallery import Beside, Shelf, cards
from evaluation.statistics.bootstrap import Estimate


def a_score(metric, value, low, high, **parameters):
    return Score.of(metric, Estimate(value, low, high, 40), **parameters)


BEFORE = [
    a_score("consistency", 0.5, 0.45, 0.55),
    a_score("consistency", 0.5, 0.45, 0.55, domain="phantom-chest-xray"),
    a_score("memorised_share", 0.01, 0.0, 0.02),
    a_score("vendi", 3.0, 2.0, 4.0),
]
AFTER = [
    a_score("memorised_share", 0.2, 0.15, 0.25),
    a_score("consistency", 0.8, 0.77, 0.83, domain="phantom-chest-xray"),
    a_score("consistency", 0.8, 0.77, 0.83),
    a_score("consistency_real", 0.9, 0.8, 1.0),
    a_score("ms_ssim", 0.5, 0.4, 0.6),
]


def test_a_difference_has_the_interval_of_both_sides():
    change = ScoreChange(BEFORE[0], AFTER[2])
    gap = change.difference
    assert gap.value == pytest.approx(0.3)
    # Each distance is the hypotenuse of 0.03 and 0.05.
    assert gap.low == pytest.approx(0.3 - math.hypot(0.03, 0.05))
    assert gap.high == pytest.approx(0.3 + math.hypot(0.03, 0.05))
    assert change.verdict == "better"


def test_scores_that_both_versions_have_are_compared_in_their_direction():
    found = score_changes(BEFORE, AFTER)
    told = [(each.after.metric, each.domain, each.verdict) for each in found]
    assert told == [
        ("consistency", "all", "better"),
        ("consistency", "phantom chest X-ray", "better"),
        ("memorised_share", "all", "worse"),
    ]
    same = ScoreChange(BEFORE[0], BEFORE[0])
    assert same.verdict == "no clear change"
    unknown = a_score("consistency", 0.5, math.nan, math.nan)
    assert ScoreChange(BEFORE[0], unknown).verdict == "unknown"


def test_scores_of_different_arms_or_networks_are_not_compared():
    apart = [("utility_gain", {"kind": "both"}), ("utility_gain", {"kind": "annealed"})]
    apart += [("mmd_network", {"features": f"network@{name}"}) for name in ("aaa", "bbb")]
    scores = [a_score(name, at, at, at, **told) for at, (name, told) in enumerate(apart)]
    found = score_changes(scores, scores[:3])
    assert len(found) == 3
    assert all(each.before == each.after for each in found)
    assert not score_changes(scores[2:3], scores[3:])


def test_pairs_are_counted_by_facet():
    before = pd.DataFrame({"domain": ["a", "a", "b"], "finding": ["x", "y", "x"]})
    after = pd.DataFrame({"domain": ["a", "c"], "finding": ["x", ""]})
    found = [
        (line.facet, line.value, line.before, line.after) for line in facet_counts(before, after)
    ]
    assert found == [
        ("domain", "a", 2, 1), ("domain", "b", 1, 0), ("domain", "c", 0, 1),
        ("finding", "x", 2, 1), ("finding", "y", 1, 0),
    ]  # fmt: skip


def test_the_page_tells_counts_scores_and_shows_pairs(discs, tmp_path):
    table = pd.DataFrame({"change": ["added", "removed", "added"]})
    pairs = discs(2)
    shown = cards(pairs, pd.Index([0, 1]).to_numpy(), Beside({}, pd.DataFrame()))
    shelf = Shelf("added", "Added", "2 of 2.", shown)
    changes = Changes(
        "lungs", "v1", "v2", (3, 4), kinds(table), facet_counts(pairs.facets, pairs.facets),
        score_changes(BEFORE, AFTER), [shelf],
    )  # fmt: skip
    assert changes.sentence == (
        "3 accepted pairs before, 4 now: 2 added, 1 gone; of 3 scores 2 clearly better and 1 clearly worse."
    )
    text = write_changes(changes, tmp_path / "new" / "diff.html").read_text()
    assert text.startswith("<!doctype html>")
    for words in ("from v1 to v2", "+0.300", "[+0.242, +0.358]", "row 0", "default-src 'none'"):
        assert words in text
    assert text.count("data:image/png;base64,") == 4


def test_versions_that_are_the_same_say_so(tmp_path):
    none = Changes("lungs", "v1", "v1", (3, 3), {}, [], [])
    assert none.sentence == "3 accepted pairs before, 3 now: the same pairs."
    assert "No pair differs." in write_changes(none, tmp_path / "diff.html").read_text()
