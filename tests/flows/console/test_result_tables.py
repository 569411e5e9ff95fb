import io
from pathlib import Path

import pytest
from rich.console import Console

from evaluation.metrics.registry import Score
from evaluation.report.answers.answer import answers
from evaluation.statistics.bootstrap import Estimate
from flows.api import Scored
from flows.console.tables import loop_tables, result_tables, run_end, utility_tables
from flows.improving.improve import Improved
from flows.utility import UtilityResult

SCORES = {
    name: Score.of(name, Estimate(value, value - 0.05, value + 0.05, 40))
    for name, value in {"tstr_dice": 0.9, "consistency_real": 0.93, "vendi": 12.0}.items()
}
# A lake may hold a score that is no longer measured.
SCORES["vendi_order2"] = Score("vendi_order2", 3.0, 2.0, 4.0, 40, "pairs", True)


def printed(table):
    log = io.StringIO()
    Console(file=log, width=100).print(table)
    return log.getvalue()


def test_a_terminal_answers_first_and_says_how_to_see_all():
    text = printed(
        result_tables.scored(Scored("lungs@v1", 40, 0, SCORES, answers(list(SCORES.values()))))
    )
    assert "mixed  Do they help to train a model?" in text
    assert "0.900 [0.850, 0.950]; of one trained on real ones 0.930" in " ".join(text.split())
    assert "not measured: Do the masks fit the images?" in text
    assert "vendi" not in text
    assert "--all" in text
    assert "where data_set = 'lungs'" in " ".join(text.split())


def test_all_scores_stand_with_their_controls():
    text = printed(
        result_tables.scored(
            Scored("lungs@v1", 40, 0, SCORES, answers(list(SCORES.values()))), all_=True
        )
    )
    for line in ("tstr_dice", "  consistency_real", "vendi ", "vendi_order2"):
        assert line in text


def test_a_gain_that_one_domain_lacks_is_not_told_of_all():
    scores = [
        Score.of("utility_gain", Estimate(gain, gain - 0.007, gain + 0.007, 16), **where)
        for gain, where in ((0.04, {}), (0.09, {"domain": "skin"}), (-0.009, {"domain": "lungs"}))
    ]
    text = " ".join(printed(run_end.in_short(answers(scores), {"utility_gain": scores[0]})).split())
    assert "The pairs help, but not everywhere: +0.040" in text
    assert "Least in lungs: -0.009 [-0.016, -0.002]." in text


def test_a_utility_table_begins_with_its_verdict_and_leaves_equivalent_images_to_words():
    scores = [
        Score.of("utility_gain", Estimate(0.016, -0.001, 0.042, 13), real="4"),
        Score.of("utility_equivalent_images", Estimate(5.0, 0.0, 9.0, 13)),
    ]
    nothing = {name: [] for name in ("levels", "gains", "equivalent_images")}
    found = UtilityResult(
        "mine@v1", "val", "", None, [], [], [], nothing, [], scores, None, cases=()
    )  # fmt: skip
    text = printed(utility_tables.utility(found))
    assert text.splitlines()[1].strip() == (
        "The pairs do not help: +0.016 [-0.001, 0.042] Dice beside 4 real (n = 13)."
    )
    assert "5.000" not in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.05, "add +0.030 [0.010, 0.050]"),
        (-0.01, 0.07, "make no sure difference"),
        (-0.09, -0.01, "harm"),
    ],
)
def test_a_loop_says_whether_its_best_pairs_are_better_than_none(low, high, said):
    gain = Estimate((low + high) / 2, low, high, 12)
    found = Improved("mine", "thompson", (), "v3", gain, "all rounds are made", Path("r.html"))
    assert said in loop_tables.worth(found)
