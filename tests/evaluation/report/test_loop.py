import pandas as pd
import pytest

from evaluation.report.loop_chart import loop_chart
from evaluation.report.loop_table import LoopTable

NAN = float("nan")
BOUNDS = {"level_low": 0.5, "level_high": 0.7, "gain_low": 0.01, "gain_high": 0.09}


def line(number, facet, asked, *, cases=5):
    gain = NAN if number == 0 else 0.05
    believed = {"error": 0.4, "error_spread": 0.1, "trust": 0.9, "trust_spread": 0.02}
    named = {"round": number, "version": f"v{number + 1}", "rule": "thompson", "facet": facet}
    return {
        **named,
        "asked": asked,
        "cases": cases,
        **believed,
        **BOUNDS,
        "level": 0.6,
        "gain": gain,
    }


@pytest.fixture
def rounds():
    lines = [line(n, f, asked) for n, asked in ((0, 8), (1, 2)) for f in ("a, x", "a, y")]
    return pd.DataFrame(lines)


def test_a_line_per_round_tells_what_was_asked_and_gained(rounds):
    found = LoopTable.of(rounds)
    assert found.facets == ["a, x", "a, y"]
    assert [each.asked for each in found.lines] == [[8, 8], [2, 2]]
    assert [each.gain.known for each in found.lines] == [False, True]
    assert found.lines[1].version == "v2"
    assert found.lines[1].gain.n == 10


def test_a_version_of_no_loop_has_no_table():
    assert LoopTable.of(pd.DataFrame()) is None


def test_the_picture_has_a_line_per_facet_and_none_for_what_was_never_tested(rounds):
    rounds.loc[rounds["facet"] == "a, y", "cases"] = 0
    asked, dice, trusted = loop_chart(rounds).figure.axes
    assert [len(axes.containers) for axes in (asked, dice, trusted)] == [2, 2, 2]
    drawn = [container.lines[0].get_ydata() for container in dice.containers]
    assert drawn[0].tolist() == [0.6, 0.6]
    assert pd.isna(drawn[1]).all()
