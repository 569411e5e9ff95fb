"""Every result of the command line, at the width of a plain terminal; recorded from small runs."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from pydantic import TypeAdapter

from evaluation.gating.version_gates import Decision, Verdict
from evaluation.metrics.registry import Score
from evaluation.report.answers.answer import answers
from evaluation.statistics.bootstrap import Estimate
from evaluation.utility.learning_curve import LearningCurve
from factory.store.repository import Entry
from flows.api import Scored
from flows.build import Outcome
from flows.compare import Comparison
from flows.console.home_state import DataSetState, HomeState
from flows.console.tables import dataset_tables, result_tables, run_end, utility_tables
from flows.console.tables.eighty_columns import is_whole, printed, tables_80_columns
from flows.console.tables.layout import Rows, frame
from flows.datasets import DataSet, Difference, Facts, History
from flows.utility import UtilityResult

RECORDED = Path(__file__).parent / "recorded"
COMPARED = Path(__file__).parents[3] / "benchmarks/recorded/medisyn-compare.json"


def read(name):
    return json.loads((RECORDED / f"{name}.json").read_text())


def estimate(kept):
    """With what JSON cannot say: a number that is unknown."""
    return kept | {name: math.nan for name, value in kept.items() if value is None}


def worth(name):
    kept = read(name)
    kept["scores"] = [Score(**estimate(each)) for each in kept["scores"]]
    return UtilityResult(**kept)


def curves():
    found = []
    for kept in read("headroom")["domains"]:
        dice = tuple(Estimate(**estimate(each)) for each in kept["dice"])
        found.append(TypeAdapter(LearningCurve).validate_python(estimate(kept) | {"dice": dice}))
    return found


def compared():
    kept = json.loads(COMPARED.read_text())
    del kept["checkpoints"]
    return Comparison(**kept, file=Path("/long/path" * 9), chart=Path("/a.png"))


def scored():
    kept = {name: Score(**estimate(score)) for name, score in read("run")["scores"].items()}
    return Scored("tiny@v1", 16, 0, kept, answers(list(kept.values())))


def ended(gates=(), version="v2"):
    kept = read("run")
    told = {
        "scores": scored().scores,
        "answers": scored().answers,
        "report": Path("/home" * 20),
        "gates": Decision(gates),
    }
    return Outcome(**kept | told | {"version": version})


def missed(count):
    return tuple(
        Verdict(f"vendi{n}", ">= 3", 2.0, -1.0, False, f"vendi{n} = 2 misses >= 3 by 1")
        for n in range(count)
    )


def lake_rows():
    """As `select *` gives them: far more columns than a terminal holds."""
    key = {"subject": "DG9WD24N1WFM5JHJ31GG", "reference": "0f" * 32, "judge": "1e" * 32}
    rows = [key | score for score in read("run")["scores"].values()]
    return pd.DataFrame(rows).assign(recorded_at=NOW)


def history():
    entry = Entry("DG9WD24N1WFM5JHJ31GG", NOW, "publish v2 of run 49fbd7e00bd3", {}, ("main", "v2"))
    event = {"number": 2, "event": "promoted", "snapshot": "D", "run": "4", "recorded_at": NOW}
    why = "consistency 0.913 [0.890, 0.931] is better than 0.871 [0.850, 0.892] of v1"
    refusal = {"run": "49fbd7e00bd3", "reason": f"{why} by 0.042", "recorded_at": NOW}
    return History([entry] * 3, [event | {"reason": why}], [refusal])


NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
GLANCE = DataSet("tiny", "v2", 2, 24, "file:///a/long/place" * 9 + "/tiny")
HOME = HomeState(
    Path("/home" * 20),
    [
        DataSetState(
            *("chest", "v12", "v11", "medisyn 010ee42998dd"),
            "a gate missed, 2026-11-27 12:30, run-49fbd7e00bd3",
            ("making pairs, run-49fbd7e00bd3", "training chest-010ee42998dd"),
        )
    ],
    [Path("/reports" * 12)] * 9,
    {"pairs": 10**9, "models": 2 * 10**9, "mlflow.db": 10**7, "reports": 10**5, "lake": 10**4},
)
CHANGED = {"added": 3, "removed": 1, "remade": 20, "rejected": 2}
BY_DOMAIN = {"phantom-breast-us": {"added": 3}, "phantom-chest-xray": CHANGED}


RESULTS = {
    "run": lambda: run_end.outcome(ended()),
    "run that missed gates": lambda: run_end.outcome(ended(missed(9), None)),
    "datasets show": lambda: dataset_tables.facts(
        Facts(read("show"), scored().scores, scored().answers)
    ),
    "datasets diff": lambda: dataset_tables.difference(Difference(CHANGED, BY_DOMAIN, [])),
    "datasets log": lambda: dataset_tables.log(history()),
    "status": lambda: dataset_tables.home(HOME),
    "datasets list": lambda: dataset_tables.datasets([GLANCE]),
    "utility": lambda: utility_tables.utility(worth("utility")),
    "utility, unseen classes": lambda: utility_tables.utility(worth("unseen")),
    "folds": lambda: utility_tables.utility(
        replace(worth("utility"), folds=5, file=Path("/a" * 60))
    ),
    "headroom": lambda: result_tables.headroom(curves()),
    "compare": lambda: result_tables.comparison(compared()),
    "evaluate": lambda: result_tables.scored(scored()),
    "evaluate --all": lambda: result_tables.scored(scored(), all_=True),
    "scores": lambda: frame(lake_rows()),
    "scores, a few columns": lambda: frame(lake_rows()[["metric", "value", "low", "high", "n"]]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_number_is_whole_at_80_columns(name):
    assert is_whole(RESULTS[name]()), printed(RESULTS[name]())


def test_the_share_that_benchmarks_print(record_property):
    share = tables_80_columns(each() for each in RESULTS.values())
    record_property("share", share)
    assert share == 1
    wide = Rows(["a" * 50, "b"], [["1.5", "2.5"]])
    assert tables_80_columns([wide]) == 1
    with pytest.raises(ValueError, match="no result"):
        tables_80_columns([])


def test_a_table_that_is_cut_is_found_out():
    from rich.table import Table

    cut = Table(*(f"column {n}" for n in range(20)))
    cut.add_row(*(f"0.{n}2345" for n in range(20)))
    assert not is_whole(cut)
    assert tables_80_columns([cut, "0.5"]) == 0.5


def test_wide_rows_become_records_and_what_is_constant_stands_above():
    data = pd.DataFrame({"model": ["unet"] * 2, "a" * 40: [0.5, 1.5], "b" * 40: [2.5, 3.5]})
    lines = printed(frame(data)).splitlines()
    assert lines[0] == "model unet"
    assert [line.split() for line in lines[1:]] == [
        ["a" * 40 + ":", "0.5"],
        ["b" * 40 + ":", "2.5"],
        [],
        ["a" * 40 + ":", "1.5"],
        ["b" * 40 + ":", "3.5"],
    ]


def test_nothing_found_is_said():
    assert printed(frame(pd.DataFrame({"a": []}))) == "0 rows\n"


@pytest.mark.parametrize("gates", [(), missed(1), missed(9)], ids=len)
@pytest.mark.parametrize("version", ["v2", None])
def test_a_run_ends_in_ten_lines(gates, version):
    lines = printed(run_end.outcome(ended(gates, version))).splitlines()
    assert len([line for line in lines if "/home" not in line]) <= 10
    assert ("tiny@v2 is published" in lines[0]) == (version is not None)
    assert all("MISSED: vendi" in line for line in lines[1 : 1 + min(len(gates), 1)])
    assert any(line.startswith("next: medpair datasets") for line in lines)


def test_the_end_of_a_run_whose_version_is_withdrawn_says_so_and_recommends_it_to_nobody():
    gone = "tiny@v2 is withdrawn: masks were shifted; no version has followed it"
    lines = printed(run_end.outcome(replace(ended(), withdrawn=gone))).splitlines()
    assert lines[1] == gone
    assert [line for line in lines if line.startswith("next")] == [
        "next: medpair datasets log tiny"
    ]


def test_the_end_of_a_run_says_that_a_version_stays_which_it_would_have_kept_back():
    lines = printed(run_end.outcome(replace(ended(missed(1), None), out_as="v2"))).splitlines()
    assert lines[1] == "tiny@v2 holds the same pairs and stays as it was published"


def test_no_answer_at_the_end_of_a_run_is_wrapped():
    found = [
        replace(answer, verdict="mixed", domain="phantom-periapical-xray")
        if answer.key != "diversity"
        else replace(answer, short=("2.1e-04 [1.0e-04, 3.2e-04]", "real 1.0e-04"))
        for answer in scored().answers
    ]
    lines = printed(run_end.in_short(found, scored().scores)).splitlines()
    assert [line.split("  ")[0] for line in lines[:5]] == list(run_end.SHORT)[:5]
    assert all(len(line) <= 80 for line in lines)
    assert lines[5].startswith("The pairs")
    assert lines[6].startswith("Least in phantom periapical X-ray: ")
    assert len(lines) == 7


def test_what_a_version_holds_is_told_in_words():
    text = printed(RESULTS["datasets show"]())
    assert "24 accepted, 0 rejected, 16 of earlier grids" in text
    assert "left lung, right lung, heart, opacity" in text
    assert "{" not in text
    assert "'" not in text


def test_a_difference_is_counted():
    text = printed(RESULTS["datasets diff"]())
    assert "phantom-chest-xray  3      1     22       20 remade, 2 rejected" in text
    assert printed(dataset_tables.difference(Difference({}, {}, []))) == "0 pairs differ\n"


def test_a_table_of_which_little_varies_keeps_its_columns():
    arms = {"class": "disc", "trained on": ["real", "both"], "missed": 0, "false": 0}
    heads = printed(frame(pd.DataFrame(arms), "Which structures?")).splitlines()[1].split()
    assert heads == ["class", "trained", "on", "missed", "false"]
    alike = printed(frame(pd.DataFrame({"reader": ["anna"] * 2, "d_prime": 0.5}))).splitlines()
    assert [line.split() for line in alike] == [["reader", "d_prime"]] + [["anna", "0.5"]] * 2
