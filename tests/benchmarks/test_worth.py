"""What pairs are worth: shares and gains by hand, tables that replace one another, bars."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.figures import verdicts
from benchmarks.worth.__main__ import main
from benchmarks.worth.closed import closed, distance, gain, ratio
from benchmarks.worth.measured import Worth, bars
from benchmarks.worth.protocol import ARMS, RIVALS, SETS

CASES, SEEDS = 12, 3


def arm(level, seeds=SEEDS, spread=0.0):
    """Dice of `CASES` cases under some seeds, around a level."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(CASES), [0]], names=["unit", "case"])
    return pd.DataFrame(level + spread * rng.standard_normal((CASES, seeds)), index)


def rows(kind, level, real="5", generator="full", name="us_hc18"):
    table = arm(level).rename_axis(columns="seed").stack().rename("dice").reset_index()
    marks = {"set": name, "generator": generator, "real": real, "kind": kind}
    return table.assign(**marks, nsd=0.5, missed=0)


@pytest.fixture
def worth():
    levels = {
        ("real", "5"): 0.6,
        ("classical", "5"): 0.65,
        ("annealed", "5"): 0.7,
        ("real", "all"): 0.8,
        ("annealed", "all"): 0.79,
        ("searched", "all"): 0.8,
        ("synthetic", ""): 0.72,
    }
    cases = [rows(kind, level, real) for (kind, real), level in levels.items()]
    cases += [rows("real", 0.6, generator="adapted"), rows("annealed", 0.66, generator="adapted")]
    scores = [("consistency_closed", 0.9), ("grid_excess", 0.1), ("grid_excess_real_p95", 0.05)]
    made = {"set": "us_hc18", "generator": "full", "real": "all", "seed": 0}
    told = [{**made, "score": name, "value": x, "low": x, "high": x, "n": 9} for name, x in scores]
    return Worth(pd.concat(cases, ignore_index=True), pd.DataFrame(told))


def test_half_of_the_way_is_half():
    assert closed(arm(0.7), arm(0.6), arm(0.8)).value == pytest.approx(0.5)
    assert gain(arm(0.7), arm(0.6)).value == pytest.approx(0.1)
    assert ratio(arm(0.6), arm(0.8)).value == pytest.approx(0.75)


def test_cases_and_seeds_that_do_not_vary_leave_no_error():
    found = closed(arm(0.7), arm(0.6), arm(0.8))
    assert found.low == pytest.approx(found.high)
    assert distance(arm(0.6), arm(0.8))[1] == pytest.approx(0)


def test_an_arm_of_more_seeds_is_cut_to_those_of_the_other():
    wide = arm(0.8, seeds=5)
    wide[4] = 0.0
    assert gain(wide, arm(0.6)).value == pytest.approx(0.2)


def test_arms_are_compared_case_by_case_in_whatever_order():
    base = arm(0.6, spread=0.1)
    assert gain(base[::-1] + 0.05, base).low == pytest.approx(0.05)


def test_the_best_rival_is_the_base_that_counts(worth):
    figures = worth.figures()
    assert figures["gain_full_us_hc18"].value == pytest.approx(0.1)
    assert figures["over_rival_full_us_hc18"].value == pytest.approx(0.05)
    assert figures["closed_full_us_hc18"].value == pytest.approx(0.5)
    assert figures["closed_adapted_us_hc18"].value == pytest.approx(0.3)
    assert figures["synthetic_only_us_hc18"].value == pytest.approx(0.9)
    assert figures["harm_us_hc18"].value == pytest.approx(0)
    assert figures["harm_unsearched_us_hc18"].value == pytest.approx(-0.01)


def test_no_share_is_told_of_a_way_that_is_shorter_than_its_error(worth):
    short = worth.cases.copy()
    whole = (short["kind"] == "real") & (short["real"] == "all")
    short.loc[whole, "dice"] = arm(0.6, spread=0.1).to_numpy().ravel()[: whole.sum()]
    figures = Worth(short, worth.scores).figures()
    assert "closed_full_us_hc18" not in figures
    assert "gain_full_us_hc18" in figures


def test_bars_are_met_and_missed_by_the_tables(worth):
    told = verdicts(bars(), worth.figures())
    assert not told["consistency_closed_us_hc18 >= 0.95"]
    assert not told["grid_excess_us_hc18 <= grid_excess_p95_us_hc18"]
    assert not told["closed_full_us_hc18 >= 0.6"]
    assert told["lower 95 % bound of over_rival_full_us_hc18 >= 0"]
    assert told["lower 95 % bound of harm_us_hc18 >= -0.003"]


def test_a_new_run_replaces_the_rows_of_its_generator_alone(worth, tmp_path):
    again = Worth(rows("annealed", 0.75), worth.scores.assign(value=0.5))
    worth.with_rows_of(again).save(tmp_path)
    read = Worth.recorded(tmp_path)
    assert set(read.cases.query("generator == 'full'")["kind"]) == {"annealed"}
    assert set(read.cases.query("generator == 'adapted'")["kind"]) == {"real", "annealed"}
    assert set(read.scores["value"]) == {0.5}


def test_nothing_recorded_tells_nothing(tmp_path):
    assert Worth.recorded(tmp_path).figures() == {}


def test_without_recorded_tables_one_line_says_how_to_make_them(monkeypatch, capsys, tmp_path):
    nothing = Worth.recorded(tmp_path)
    monkeypatch.setattr(Worth, "recorded", lambda: nothing)
    monkeypatch.setattr("sys.argv", ["worth", "--quick"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "without --quick" in capsys.readouterr().err


def test_the_page_of_results_tells_what_the_recorded_tables_say():
    figures, page = Worth.recorded().figures(), Path("docs/results.md").read_text()
    told = [
        line
        for line in page.splitlines()
        if line.startswith("| `") and line.split("|")[1].strip(" `").endswith(tuple(SETS))
    ]
    assert len(told) >= 13
    for line in told:
        name, value = (cell.strip(" `") for cell in line.split("|")[1:3])
        assert f"{figures[name].value:.3f}" == value, name


def test_every_generator_is_tried_against_a_rival():
    assert all(set(RIVALS) & set(arms) for arms in ARMS.values())
    assert all(real_set.few[0] == min(real_set.few) for real_set in SETS.values())
