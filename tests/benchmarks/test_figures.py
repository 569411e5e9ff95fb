"""Bars of benchmarks: met, missed, counted from another figure, and where nothing was measured."""

import json

from benchmarks.figures import Bar, Figure, show, verdicts

FIGURES = {
    "alignment": Figure(0.85, "1", 0.77, 0.93),
    "control": Figure(0.75, "1"),
    "unseen": Figure(None, "1"),
}


def test_a_figure_or_an_end_of_its_interval_is_held_against_the_bar():
    bars = (Bar("alignment", ">=", 0.9), Bar("alignment", ">=", 0.9, side="high"))
    assert verdicts(bars, FIGURES) == {
        "alignment >= 0.9": False,
        "upper 95 % bound of alignment >= 0.9": True,
    }


def test_a_bar_may_count_from_another_figure():
    bars = (
        Bar("alignment", ">=", 0.05, over="control"),
        Bar("alignment", ">=", 0.15, over="control"),
        Bar("alignment", "<=", 0, over="control"),
    )
    assert verdicts(bars, FIGURES) == {
        "alignment >= control + 0.05": True,
        "alignment >= control + 0.15": False,
        "alignment <= control": False,
    }


def test_what_could_not_be_observed_misses_its_bar_and_what_was_not_measured_has_none():
    bars = (
        Bar("unseen", "<=", 1),
        Bar("alignment", ">=", 0, over="unseen"),
        Bar("other", ">=", 0),
        Bar("alignment", ">=", 0, over="other"),
    )
    assert verdicts(bars, FIGURES) == {"unseen <= 1": False, "alignment >= unseen": False}


def test_bars_are_printed_as_met_or_missed(capsys):
    bars = {"alignment >= 0.9": False, "control >= 0.5": True}
    show("some", FIGURES, {}, as_json=False, bars=bars)
    lines = capsys.readouterr().out.splitlines()
    assert {"MISSED alignment >= 0.9", "met    control >= 0.5"} <= set(lines)
    show("some", FIGURES, {}, as_json=True, bars=bars)
    assert json.loads(capsys.readouterr().out)["bars"] == bars
