"""The views on a lake of three versions, with answers worked out by hand."""

import math

import pandas as pd
import pytest

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.lake.views import VIEWS
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate


def score(metric, value, half=0.01, **parameters):
    return Score.of(metric, Estimate(value, value - half, value + half, 50), **parameters)


def about(number, judge="judge", reference="val"):
    return ScoreKey(f"S{number}", reference, judge, "lungs")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Consistency 0.80, 0.90, 0.85; hd95 3, 2, 4 mm; a fourth version was withdrawn."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    for number, (dice, mm) in enumerate([(0.80, 3.0), (0.90, 2.0), (0.85, 4.0), (0.99, 1.0)], 1):
        lake.record(
            about(number),
            [
                score("consistency", dice, half=0.03),
                score("consistency_hd95", mm, half=0.1),
                score("sharpness", 1.0 + number / 10),
                score("vendi", math.nan, half=math.nan),
                score("consistency", dice + 0.05, domain="chest"),
                score("consistency", dice - 0.05, domain="skin"),
                score("consistency", dice - 0.25, domain="skin", **{"class": "lesion"}),
            ],
        )
        lake.allot("lungs", f"S{number}", "run")
        lake.publish("lungs", number, f"S{number}", "run")
    lake.withdraw("lungs", 4, "masks were shifted")
    # On the test split, and by the judge of another day: neither is comparable.
    lake.record(about(1, reference="test"), [score("consistency", 0.97)])
    lake.open_test("S1", "test", "utility")
    lake.record_pairs(
        ScoreKey("G2", "val", "judge"),
        pd.DataFrame(
            {
                "row": range(4),
                "domain": "chest",
                "dice": [0.9, 0.2, math.nan, 0.1],
                "nearest_distance": [0.3, 0.4, 0.5, 0.01],
            }
        ),
    )
    lake.record_scoring(about(2), "terms", "G2", [])
    rejected = pd.DataFrame({"row": [3], "domain": ["chest"], "reason": ["near copy"]})
    lake.record_rejections(about(2), rejected)
    return lake


def asked(lake, sql):
    return [tuple(row) for row in lake.query(sql).itertuples(index=False)]


def test_the_best_version_is_the_highest_or_the_lowest_as_the_metric_wants_it(lake):
    found = asked(lake, "SELECT metric, number, value FROM best_versions ORDER BY metric")
    # Sharpness is best in the middle, so no version is best by it; vendi is unknown.
    assert found == [("consistency", 2, 0.90), ("consistency_hd95", 2, 2.0)]


def test_only_what_was_measured_alike_competes(tmp_path):
    lake = Lake(str(tmp_path))
    for number, (judge, dice) in enumerate([("old", 0.95), ("new", 0.70), ("new", 0.60)], 1):
        lake.record(about(number, judge), [score("consistency", dice)])
        lake.allot("lungs", f"S{number}", "run")
        lake.publish("lungs", number, f"S{number}", "run")
    assert asked(lake, "SELECT number, judge FROM best_versions") == [(2, "new")]


def test_drift_has_the_change_and_whether_it_is_beyond_the_intervals(lake):
    sql = "SELECT number, round(change, 2), overlap FROM drift WHERE metric = 'consistency'"
    rows = asked(lake, sql + " ORDER BY number")
    # 0.80 ± 0.03 and 0.90 ± 0.03 do not touch; 0.90 ± 0.03 and 0.85 ± 0.03 do.
    assert [row[:1] for row in rows] == [(1,), (2,), (3,)]
    assert pd.isna(rows[0][1])
    assert pd.isna(rows[0][2])
    assert rows[1][1:] == (0.10, False)
    assert rows[2][1:] == (-0.05, True)


def test_the_worst_part_of_a_version_comes_first(lake):
    sql = "SELECT domain, class, round(value, 2), rank FROM worst_facets WHERE number = 2"
    rows = asked(lake, sql + " ORDER BY rank")
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("skin", 0.65, 1),
        ("skin", 0.85, 2),
        ("chest", 0.95, 3),
    ]
    assert rows[0][1] == "lesion"


def test_the_worst_network_is_not_hidden_by_the_one_that_was_written_last(tmp_path):
    lake = Lake(str(tmp_path))
    gains = [("unet", -0.20), ("transunet", 0.03)]
    found = [score("utility_gain", gain, domain="chest", segmenter=name) for name, gain in gains]
    lake.record(about(1), found)
    lake.record(about(1, reference="test"), [score("utility_gain", -0.9, domain="chest")])
    lake.open_test("S1", "test", "utility")
    rows = asked(lake, "SELECT value, rank FROM worst_facets ORDER BY rank")
    assert rows == [(-0.20, 1), (0.03, 2)]


def test_pairs_to_look_at_are_rejected_doubted_or_near_copies(lake):
    found = asked(lake, 'SELECT "row", why FROM look_at ORDER BY why, rank')
    # Row 3 was rejected, so it is no longer among the pairs; row 2 has no mask to agree with.
    assert found == [
        (0, "nearest to a training image"),
        (1, "nearest to a training image"),
        (2, "nearest to a training image"),
        (3, "rejected: near copy"),
        (1, "the judge agrees least"),
        (0, "the judge agrees least"),
    ]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_an_empty_lake_is_empty(name, tmp_path):
    assert Lake(str(tmp_path / "none")).query(f"SELECT * FROM {name}").empty
    assert VIEWS[name].question.endswith("?")
