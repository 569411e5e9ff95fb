"""The lake on real Delta tables: replaced per key, read back, queried, never used twice."""

import math
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from evaluation.errors import InputError
from evaluation.gating.pair_metrics import PAIR_NUMBERS
from evaluation.gating.version_gates import decide
from evaluation.lake.delta import FORMAT_KEY
from evaluation.lake.lake import Lake
from evaluation.lake.rows import score_row
from evaluation.lake.tables import TABLES, ScoreKey, as_json
from evaluation.metrics.metric import Family
from evaluation.metrics.registry import FAMILIES, METRICS, Score
from evaluation.statistics.bootstrap import Estimate

A = ScoreKey("SNAPSHOT-A", "real", "judge", "set")


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
    lake.record(ScoreKey("SNAPSHOT-A", "real", "other judge"), [score(value=0.6)])
    lake.record(A, [score(value=0.9)])
    rows = lake.read("scores", subject="SNAPSHOT-A")
    assert sorted(rows["value"]) == [0.6, 0.7, 0.9]


def test_an_apostrophe_in_a_key_is_only_a_letter(lake):
    about = ScoreKey("Bob's")
    for value in (1.0, 2.0):
        lake.record(about, [score(value=value)])
        lake.record_pairs(about, pd.DataFrame({"row": [0], "dice": [value]}))
    assert lake.read("scores", subject="Bob's")["value"].tolist() == [2.0]
    assert lake.read("pair_scores", subject="Bob's")["value"].tolist() == [2.0]


def test_rows_that_make_no_sense_are_refused_with_every_reason(lake):
    scores = [
        score(),
        score(),
        Score("fidelity", 1.0, 1.0, 1.0, 10, "1", False),
        Score("sharpness", 1.0, 1.2, 1.3, -1, "1", None),
        Score("ms_ssim", math.inf, math.nan, math.nan, 1, "1", None),
    ]
    with pytest.raises(InputError) as refused:
        lake.record(A, scores)
    for reason in (
        "consistency is there 2 times",
        "fidelity is not a known metric",
        "sharpness = 1 lies outside its interval [1.2, 1.3]",
        "sharpness has n = -1",
        "ms_ssim is infinite",
        "nothing was written",
    ):
        assert reason in str(refused.value)
    assert lake.read("scores").empty


def test_pair_scores_are_replaced_row_by_row(lake):
    lake.record_pairs(A, pd.DataFrame({"row": [0, 1, 2], "domain": "chest", "dice": [1, 0.5, 0]}))
    lake.record_pairs(
        A, pd.DataFrame({"row": [0, 2], "dice": [0.9, math.nan], "copied": [True, False]})
    )
    lake.record_pairs(replace(A, subject="B"), pd.DataFrame({"row": [1], "dice": [0.1]}))
    rows = lake.read("pair_scores", metric="dice", subject=A.subject).sort_values("row")
    assert rows["row"].tolist() == [0, 1, 2]
    assert rows["value"].tolist()[:2] == [0.9, 0.5]
    assert math.isnan(rows["value"].iloc[2])
    assert lake.read("pair_scores", metric="copied")["value"].sum() == 1
    with pytest.raises(InputError, match="names a pair twice"):
        lake.record_pairs(A, pd.DataFrame({"row": [0, 0], "dice": [1.0, 1.0]}))


def test_a_decision_is_kept_with_its_evidence(lake):
    missed = decide({"consistency": ">= 0.95"}, {"consistency": score()})
    for _ in range(2):
        lake.decide(A, "run", missed, "factory: demo (0f)")
    lake.decide(A, "run", decide({}, {}))
    lake.decide(replace(A, judge="another"), "run", missed)
    rows = lake.read("decisions", judge="judge").sort_values("passed").to_dict("records")
    strict, free = rows
    assert "misses >= 0.95 by 0.05" in strict["evidence"]
    assert (strict["reference"], strict["author"]) == ("real", "factory: demo (0f)")
    assert free["passed"]
    assert len(lake.read("decisions")) == 3
    refused = lake.refusals("set").to_dict("records")
    assert [row["snapshot"] for row in refused] == [A.subject] * 2
    assert refused[0]["reason"] == "consistency = 0.9 misses >= 0.95 by 0.05"
    assert not len(lake.refusals("another"))


def test_a_decision_stays_with_its_date_and_only_another_one_is_added(lake):
    told = {"consistency": score()}
    loose, strict = (decide({"consistency": bound}, told) for bound in (">= 0.5", ">= 0.95"))
    lake.decide(A, "run", loose, "first flow run")
    first = lake.read("decisions")
    lake.decide(A, "run", loose, "second flow run")
    assert lake.read("decisions").equals(first)
    lake.decide(A, "run", strict, "third flow run")
    lake.decide(A, "run", decide({"consistency": ">= 0.5"}, {"consistency": score(value=0.91)}))
    rows = lake.read("decisions").sort_values("recorded_at")
    assert rows["passed"].tolist() == [True, False, True]
    assert rows["author"].tolist() == ["first flow run", "third flow run", ""]
    assert rows.iloc[0].equals(first.iloc[0])


def test_all_that_is_known_of_a_snapshot_is_carried_over_once_with_its_dates(lake):
    told = {"consistency": score()}
    lake.record(A, list(told.values()))
    for bound in (">= 0.5", ">= 0.95", ">= 0.5"):
        lake.decide(A, "run", decide({"consistency": bound}, told))
    for _ in range(2):
        lake.carry_over(A.subject, "B")
    for name, column in (("decisions", "snapshot"), ("scores", "subject")):
        rows = lake.read(name)
        mine, copied = rows[rows[column] == A.subject], rows[rows[column] == "B"]
        assert copied["recorded_at"].tolist() == mine["recorded_at"].tolist()


@pytest.mark.parametrize("event", ["withdrawn", "challenged", "promoted"])
def test_what_became_of_a_version_is_not_written_over(lake, event):
    lake.publish("set", 1, "S1", "run")
    about = ("set", 1, "S1", "run")
    tell = {
        "withdrawn": lambda reason: lake.withdraw("set", 1, reason),
        "challenged": lambda reason: lake.challenge(*about, reason),
        "promoted": lambda reason: lake.promote(*about, reason),
    }[event]
    tell("first")
    first = lake.versions("set")
    tell("another")
    assert lake.versions("set")["reason"].tolist() == ["", "first", "another"]
    assert lake.versions("set")[:2].to_dict("records") == first.to_dict("records")


def test_what_is_told_again_keeps_its_date(lake):
    rejected = pd.DataFrame({"row": [4, 1], "domain": "chest", "reason": "near copy"})
    nothing = Score.of("consistency_real", Estimate(math.nan, math.nan, math.nan, 0))
    tables = ("scores", "scorings", "rejections", "versions")

    def tell():
        lake.record(A, [score(), nothing])
        lake.record_scoring(A, "terms", "G", [score()])
        lake.record_rejections(A, rejected)
        lake.record_rejections(replace(A, subject="B"), rejected[:0])
        lake.publish("set", 1, A.subject, "run")
        lake.withdraw("set", 1, "shifted")

    tell()
    before = [lake.read(name) for name in tables]
    tell()
    for name, table in zip(tables, before, strict=True):
        assert lake.read(name).equals(table), name


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


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
        "SELECT * FROM range(1000000000000)",
    ],
)
def test_a_question_without_end_is_interrupted(lake, monkeypatch, sql):
    monkeypatch.setattr("evaluation.lake.sql.MOST_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"not through after 0\.2 s"):
        lake.query(sql)


def test_a_question_of_more_than_memory_is_refused(lake, monkeypatch):
    monkeypatch.setattr("evaluation.lake.sql.MOST_MEMORY", "50MB")
    with pytest.raises(InputError, match="Out of Memory"):
        lake.query("SELECT * FROM range(20000000) ORDER BY hash(range)")


@pytest.mark.parametrize("value", ["repeat('x', 3000000000)", "range(300000000)"])
def test_a_value_of_more_than_memory_is_refused(lake, monkeypatch, value):
    monkeypatch.setattr("evaluation.lake.sql.MOST_GROWTH", 2**30)
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(InputError, match="Out of Memory"):
        lake.query(f"SELECT length({value})")
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert lake.query("SELECT 42 AS n")["n"].tolist() == [42]


def test_a_question_that_is_no_text_is_refused(lake):
    with pytest.raises(InputError, match="is no text"):
        lake.query("SELECT '\udcff'")


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


def test_a_scoring_is_complete_or_none(lake):
    scores = [score(value=0.8), score(value=0.7, domain="chest")]
    assert lake.scoring(A, "terms") is None
    lake.record(A, scores)
    assert lake.scoring(A, "terms") is None  # cut short before its last step
    lake.record_scoring(A, "terms", "G", scores)
    assert lake.scoring(A, "terms") == scores
    for other in (replace(A, judge="another"), replace(A, reference="another")):
        assert lake.scoring(other, "terms") is None
    assert lake.scoring(A, "another seed") is None


def test_a_scoring_of_a_number_that_is_computed_anew_is_none(lake, monkeypatch):
    lake.record(A, [score()])
    lake.record_scoring(A, "terms", "G", [score()])
    row = lake.read("scorings").iloc[0]
    assert '["consistency"' in row["scores"]
    newer = {"consistency": replace(METRICS["consistency"], version=99)}
    monkeypatch.setitem(FAMILIES, "judge_agreement", Family(newer))
    lake.record_scoring(A, "terms", "G", [score()])
    assert lake.scoring(A, "terms") is None


def former(lake, metric, value, version=1, **parameters):
    """Records a score as a release did that called it otherwise."""
    row = score_row(A, Score(metric, value, value, value, 9, "1", False, parameters))
    lake.tables.merge("scores", [row | {"version": version}])
    return [row["metric"], row["parameters"], version]


def test_scores_under_former_names_come_back_under_those_of_now(lake, caplog):
    keys = [
        former(lake, "kernel_interface", 0.5, domain="chest"),
        former(lake, "shift_interface_p", 0.1),
        former(lake, "consistency_reverse", 0.8),
        former(lake, "vendi_order2", 3.0),  # no longer measured
    ]
    scoring = {**A.key, "terms": "terms", "data_set": "set", "pairs": "G", "scores": as_json(keys)}
    lake.tables.merge("scorings", [scoring])
    names = ["mmd_boundary", "two_sample_boundary_p", "tstr_dice", "vendi_order2"]
    assert [each.metric for each in lake.scoring(A, "terms")] == names
    assert {each.metric for each in lake.scores("SNAPSHOT-A")} == set(names)
    assert lake.read("scores", metric="tstr_dice")["value"].tolist() == [0.8]
    asked = lake.query("select metric from scores where metric = 'kernel_interface'")
    assert asked.empty
    assert "kernel_interface is called mmd_boundary now" in caplog.text
    assert set(lake.query("select metric from scores")["metric"]) == set(names)
    view = lake.query("select metric from scores_by_former_name order by value")
    firsts = ["shift_interface_p", "kernel_interface", "consistency_reverse", "vendi_order2"]
    assert view["metric"].tolist() == firsts


def test_of_a_score_under_both_names_the_newest_counts(lake):
    lake.record(A, [score("tstr_dice", 0.7)])
    former(lake, "consistency_reverse", 0.8)
    assert [each.value for each in lake.scores("SNAPSHOT-A")] == [0.8]
    lake.record(A, [score("tstr_dice", 0.9)])
    assert [each.value for each in lake.scores("SNAPSHOT-A")] == [0.9]
    assert lake.query("select value from scores")["value"].tolist() == [0.9]


def test_a_version_that_was_scored_under_former_names_is_in_the_views(lake):
    former(lake, "consistency_reverse", 0.8)
    lake.publish("set", 1, "SNAPSHOT-A", "run")
    assert lake.query("select metric, number from drift").values.tolist() == [["tstr_dice", 1]]


def test_evidence_is_what_the_judge_said_and_what_needs_none(lake):
    told, gain = score(value=0.8), score("utility_gain", 0.02)
    lake.record(A, [told])
    lake.record_scoring(A, "terms", "G", [told])
    lake.record(replace(A, judge=""), [gain])
    lake.record(replace(A, judge="lenient"), [score(value=0.99)])
    lake.record(replace(A, judge="", reference="test"), [score("utility_gain", 0.9)])
    lake.record(A, [score(value=0.95, seed=1)])  # of another section
    assert lake.decision_scores(A, "terms") == [gain, told]
    assert lake.decision_scores(A, "other terms") == [gain]


def test_numbers_of_pairs_are_known_for_all_rows_or_not_at_all(lake):
    table = pd.DataFrame({"row": [0, 2, 5], "upper_power": [0.1, 0.2, 0.3]})
    lake.record_pairs(A, table)
    found = lake.pair_numbers(A, ["upper_power"], [5, 0])
    assert found.to_dict("list") == {"row": [5, 0], "upper_power": [0.3, 0.1]}
    assert lake.pair_numbers(A, ["upper_power"], [0, 1]) is None
    assert lake.pair_numbers(A, ["upper_power", "copied"], [0]) is None
    assert lake.pair_numbers(replace(A, judge=""), ["upper_power"], [0]) is None
    old = PAIR_NUMBERS["upper_power"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PAIR_NUMBERS, "upper_power", replace(old, version=old.version + 1))
        assert lake.pair_numbers(A, ["upper_power"], [0]) is None


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"dice": [1.0]}, "column row is missing"),
        ({"row": [0.5], "dice": [1.0]}, "something else than row numbers"),
        ({"row": [-1], "dice": [1.0]}, "something else than row numbers"),
        ({"row": [0], "beauty": [1.0]}, "beauty is not a known number of a pair"),
        ({"row": [0], "dice": ["high"]}, "dice is not numeric"),
        ({"row": [0], "dice": [math.inf]}, "dice is infinite"),
    ],
)
def test_a_wrong_table_of_pairs_is_refused_with_the_reason(lake, tmp_path, table, reason):
    with pytest.raises(InputError, match=reason):
        lake.record_pairs(A, pd.DataFrame(table))
    assert list(tmp_path.iterdir()) == []


def test_rejections_are_replaced_by_none(lake):
    other = replace(A, subject="SNAPSHOT-B")
    table = pd.DataFrame({"row": [1, 4], "domain": "chest", "reason": "near copy"})
    for about in (A, A, other):
        lake.record_rejections(about, table)
    assert len(lake.read("rejections")) == 4
    lake.record_rejections(A, table[:0])
    assert set(lake.read("rejections")["snapshot"]) == {"SNAPSHOT-B"}


def test_the_champion_is_the_version_promoted_last_and_not_withdrawn(lake):
    assert lake.champion("set") is None
    for number in (1, 2):
        lake.publish("set", number, f"S{number}", "run")
        lake.promote("set", number, f"S{number}", "run", "better")
    lake.challenge("set", 3, "S3", "run", "not better")
    assert lake.champion("set") == (2, "S2")
    lake.withdraw("set", 2, "shifted")
    assert lake.champion("set") == (1, "S1")
    assert lake.champion("other") is None


def test_the_lake_is_read_as_it_was(lake):
    before = datetime.now(UTC)
    lake.record(A, [score(value=0.8)])
    between = datetime.now(UTC)
    lake.record(A, [score(value=0.9)])
    # State 0 is the table without rows.
    values = [lake.read("scores", version=n)["value"].tolist() for n in (0, 1, 2)]
    assert values == [[], [0.8], [0.9]]
    assert lake.read("scores", at=before).empty
    assert lake.read("scores", at=between)["value"].tolist() == [0.8]
    assert lake.query("SELECT value FROM scores", at=between)["value"].tolist() == [0.8]
    assert lake.read("scores")["value"].tolist() == [0.9]


def test_a_state_that_never_was_is_refused(lake):
    lake.record(A, [score()])
    with pytest.raises(InputError, match="has no state 9: its newest is 1"):
        lake.read("scores", version=9)
    with pytest.raises(InputError, match="has no time zone"):
        lake.read("scores", at=datetime(2026, 1, 1))  # that is the mistake
    with pytest.raises(InputError, match="give one"):
        lake.read("scores", version=0, at=datetime.now(UTC))
    with pytest.raises(InputError, match="no table 'score'; it has scores"):
        lake.read("score")


def test_a_table_with_other_columns_is_refused_and_left_alone(lake):
    wrong = pa.table({"subject": ["a"], "value": ["0.9"], "colour": ["red"]})
    write_deltalake(f"{lake.uri}/scores", wrong)
    with pytest.raises(InputError) as refused:
        lake.record(A, [score()])
    told = str(refused.value)
    assert "lacks reference, judge, metric" in told
    assert "has unknown colour" in told
    assert "has value as string, not double" in told
    assert "move that folder away" in told
    with pytest.raises(InputError, match="has unknown colour"):
        lake.scores("a")
    assert len(DeltaTable(f"{lake.uri}/scores").to_pyarrow_table()) == 1


@pytest.mark.slow
def test_processes_that_record_at_once_lose_nothing(lake):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from evaluation.lake.lake import Lake\n"
        "from evaluation.metrics.registry import Score\n"
        "from evaluation.lake.tables import ScoreKey\n"
        "for i in range(5):\n"
        "    score = Score('consistency', 0.5, 0.4, 0.6, 9, 'Dice', True, {'i': i})\n"
        "    Lake(sys.argv[2]).record(ScoreKey(sys.argv[3]), [score])\n"
    )
    root = str(Path(__file__).resolve().parents[3])
    writers = [
        subprocess.Popen([sys.executable, "-c", script, root, lake.uri, name]) for name in "ab"
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(lake.read("scores")) == 10
