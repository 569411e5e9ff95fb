"""The lake on real Delta tables: replaced per key, read back, queried, never used twice."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from evaluation.errors import InputError
from evaluation.gates import decide
from evaluation.lake import FORMAT_KEY, Lake
from evaluation.metrics import Score
from evaluation.statistics import Estimate
from evaluation.tables import TABLES, About

A = About("SNAPSHOT-A", "real", "judge", "set")


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def score(metric="consistency", value=0.9, **parameters):
    return Score.of(metric, Estimate(value, value - 0.01, value + 0.01, 200), **parameters)


def test_scores_come_back_as_they_were_recorded(lake):
    nothing = Score.of("consistency_real", Estimate(math.nan, math.nan, math.nan, 0))
    recorded = [score(), score(domain="chest"), nothing]
    lake.record(A, recorded)
    back = lake.scores("SNAPSHOT-A")
    assert {repr(s) for s in back} == {repr(s) for s in recorded}
    assert lake.scores("SNAPSHOT-A", judge="another") == []


def test_recording_a_key_again_replaces_it_and_nothing_else(lake):
    lake.record(A, [score(value=0.8), score(value=0.7, domain="chest")])
    lake.record(About("SNAPSHOT-A", "real", "other judge"), [score(value=0.6)])
    lake.record(A, [score(value=0.9)])
    rows = lake.read("scores", subject="SNAPSHOT-A")
    assert sorted(rows["value"]) == [0.6, 0.7, 0.9]


def test_an_apostrophe_in_a_key_is_only_a_letter(lake):
    about = About("Bob's")
    for value in (1.0, 2.0):
        lake.record(about, [score(value=value)])
        lake.record_pairs(about, pd.DataFrame({"row": [0], "dice": [value]}))
    assert lake.read("scores", subject="Bob's")["value"].tolist() == [2.0]
    assert lake.read("pair_scores", subject="Bob's")["value"].tolist() == [2.0]


def test_rows_that_make_no_sense_are_refused_with_every_reason(lake):
    scores = [
        score(),
        score(),
        Score("fid", 1.0, 1.0, 1.0, 10, "1", False),
        Score("sharpness", 1.0, 1.2, 1.3, -1, "1", None),
        Score("ms_ssim", math.inf, math.nan, math.nan, 1, "1", None),
    ]
    with pytest.raises(InputError) as refused:
        lake.record(A, scores)
    for reason in (
        "consistency is there 2 times",
        "fid is not a known metric",
        "sharpness = 1 lies outside its interval [1.2, 1.3]",
        "sharpness has n = -1",
        "ms_ssim is infinite",
        "nothing was written",
    ):
        assert reason in str(refused.value)
    assert lake.read("scores").empty


def test_pair_scores_are_replaced_whole(lake):
    lake.record_pairs(A, pd.DataFrame({"row": [0, 1, 2], "domain": "chest", "dice": [1, 0.5, 0]}))
    lake.record_pairs(
        A, pd.DataFrame({"row": [0, 2], "dice": [0.9, math.nan], "copied": [True, False]})
    )
    rows = lake.read("pair_scores", metric="dice").sort_values("row")
    assert rows["row"].tolist() == [0, 2]
    assert rows["value"].iloc[0] == 0.9
    assert math.isnan(rows["value"].iloc[1])
    assert lake.read("pair_scores", metric="copied")["value"].sum() == 1
    with pytest.raises(InputError, match="names a pair twice"):
        lake.record_pairs(A, pd.DataFrame({"row": [0, 0], "dice": [1.0, 1.0]}))


def test_a_decision_is_kept_with_its_evidence(lake):
    missed = decide({"consistency": ">= 0.95"}, {"consistency": score()})
    for _ in range(2):
        lake.decide("set", "SNAPSHOT-A", "run", missed)
    lake.decide("set", "SNAPSHOT-A", "run", decide({}, {}))
    strict, free = lake.read("decisions").sort_values("passed").to_dict("records")
    assert "misses >= 0.95 by 0.05" in strict["evidence"]
    assert free["passed"]


def test_a_number_is_never_given_twice(lake):
    assert lake.allot("set", "S1", "r1") == 1
    assert lake.allot("set", "S1", "r1") == 1
    assert lake.allot("other", "S9", "r9") == 1
    lake.publish("set", 1, "S1", "r1")
    lake.withdraw("set", 1, "masks were shifted")
    assert lake.allot("set", "S2", "r2") == 2
    assert lake.allot("set", "S3", "r3", above=7) == 8  # the store knows tags that this lake lost
    assert lake.versions("set")["event"].tolist() == [
        "allotted",
        "published",
        "withdrawn",
        "allotted",
        "allotted",
    ]


def test_numbers_stay_apart_when_several_ask_at_once(lake):
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda i: lake.allot("set", f"S{i}", "run"), range(8)))
    assert sorted(numbers) == list(range(1, 9))


def test_only_published_versions_are_withdrawn_and_only_with_a_reason(lake):
    lake.allot("set", "S1", "r1")
    with pytest.raises(InputError, match="v1 of 'set' cannot be withdrawn"):
        lake.withdraw("set", 1, "reason")
    lake.publish("set", 1, "S1", "r1")
    with pytest.raises(InputError, match="no reason"):
        lake.withdraw("set", 1, " ")


def test_every_opening_of_the_test_split_stays_on_record(lake):
    for _ in range(2):
        lake.open_test("SNAPSHOT-A", "real", "medpair utility --final")
    assert len(lake.read("test_openings")) == 2


def test_sql_reads_every_table(lake):
    lake.record(A, [score(), score("sharpness", 1.1)])
    answer = lake.query("SELECT metric, value FROM scores ORDER BY metric")
    assert answer["metric"].tolist() == ["consistency", "sharpness"]
    for name in TABLES:
        assert lake.query(f"SELECT count(*) AS n FROM {name}")["n"].tolist()[0] in (0, 2)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW scores",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; SELECT 2",
        "",
        "SELEC 1",
        "SELECT * FROM nowhere",
        "COPY scores TO '{out}'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "ATTACH '{out}'",
        "INSTALL httpfs",
    ],
)
def test_sql_that_does_anything_else_is_refused_in_one_line(lake, tmp_path, sql):
    with pytest.raises(InputError) as refused:
        lake.query(sql.format(out=tmp_path / "out"))
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_reading_an_absent_lake_creates_nothing(lake, tmp_path):
    assert lake.read("scores").empty
    assert lake.versions("set").empty
    assert list(tmp_path.iterdir()) == []


def test_a_newer_lake_is_refused(lake):
    DeltaTable.create(
        lake.uri + "/scores",
        schema=TABLES["scores"].schema,
        configuration={FORMAT_KEY: "2"},
        raise_if_key_not_exists=False,
    )
    with pytest.raises(InputError, match="format 2 and this release reads up to 1"):
        lake.read("scores")
    with pytest.raises(InputError, match="format 2"):
        lake.record(A, [score()])


def test_compacting_keeps_every_row(lake):
    for domain in "abc":
        lake.record(A, [score(domain=domain)])
    lake.compact()
    assert len(lake.read("scores")) == 3


@pytest.mark.slow
def test_processes_that_record_at_once_lose_nothing(lake):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from evaluation.lake import Lake\n"
        "from evaluation.metrics import Score\n"
        "from evaluation.tables import About\n"
        "for i in range(5):\n"
        "    score = Score('consistency', 0.5, 0.4, 0.6, 9, 'Dice', True, {'i': i})\n"
        "    Lake(sys.argv[2]).record(About(sys.argv[3]), [score])\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    writers = [
        subprocess.Popen([sys.executable, "-c", script, root, lake.uri, name]) for name in "ab"
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(lake.read("scores")) == 10
