"""What people meet: own folders, red runs, quiet nights, tables at 80 columns, a report's length.

`python -m benchmarks.people` runs the tests that hold these and counts: a figure is what they
measured (`record_property`), or the number or share of them that passed. Those of the browser and
of the handed cases are null where there is neither. About twenty minutes on two cores; `--quick`
leaves out those that start a Prefect server of their own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.figures import Bar, Figure, show, verdicts

ROOT = Path(__file__).resolve().parents[2]
BARS = (
    Bar("own_data_layouts", ">=", 10),
    Bar("commands_to_version", "<=", 4),
    Bar("report_screens", "<=", 5),
    Bar("tables_80_columns", ">=", 1),
    Bar("moved_home", ">=", 1),
    Bar("failed_gate_red", ">=", 1),
    Bar("unchanged_nights_announced", "<=", 0),
    Bar("handed_cases", ">=", 1),
    Bar("axe_serious", "<=", 0),
)


@dataclass(frozen=True)
class Asked:
    """A figure and the tests that answer it.

    Attributes:
        tests: as pytest takes them.
        measured: the property that they record; "" counts the tests that passed.
        share: whether the count is divided by how many tests there are.
        server: whether they start a Prefect server.
    """

    tests: tuple[str, ...]
    measured: str = ""
    share: bool = True
    server: bool = False


INIT, CASES = "tests/flows/starting/test_init.py", "tests/factory/sources/test_handed_cases.py"
BUILD = "tests/flows/test_build.py"
# Handed cases that are commands and servers, not files of pairs: 14 to 18, 34, 35, 39 and 46.
NUMBERED = (
    "tasks/services/test_mlflow_tracking.py::test_a_deleted_experiment_is_restored_and_that_is_said",
    "tasks/services/test_settings.py::test_a_home_that_no_database_takes_is_refused",
    "flows/planning/test_recipe_yaml.py::test_16_values_are_told_as_they_were_typed",
    "flows/test_unreachable.py::test_a_server_that_is_down_is_told_before_anything_begins",
    (
        "flows/planning/test_external_folder.py::"
        "test_34_real_pairs_that_hold_nothing_out_are_told_before_anything_starts"
    ),
    (
        "flows/planning/test_external_folder.py::"
        "test_35_classes_numbered_the_other_way_round_are_matched_by_name"
    ),
    (
        "factory/training/test_prompt_lengths.py::"
        "test_39_long_training_texts_are_told_by_row_and_number"
    ),
)
ASKED = {
    "own_data_layouts": Asked(
        (f"{INIT}::test_a_layout_is_understood_without_an_answer",), share=False
    ),
    "commands_to_version": Asked(
        (f"{INIT}::test_two_commands_lead_to_a_published_version",), "commands", server=True
    ),
    "report_screens": Asked(
        (
            (
                "tests/evaluation/report/test_layout.py::"
                "test_six_answers_are_on_the_first_screen_and_all_is_within_five"
            ),
        ),
        "screens",
    ),
    "tables_80_columns": Asked(
        ("tests/flows/console/test_eighty_columns.py::test_the_share_that_benchmarks_print",),
        "share",
    ),
    "moved_home": Asked(("tests/benchmarks/test_moved_home.py",), server=True),
    "failed_gate_red": Asked(
        (f"{BUILD}::test_a_failed_gate_leaves_main_alone_and_says_by_how_much",), server=True
    ),
    "unchanged_nights_announced": Asked(
        (f"{BUILD}::test_started_again_it_makes_and_scores_nothing",), "announced", server=True
    ),
    "handed_cases": Asked((CASES, *(f"tests/{each}" for each in NUMBERED)), server=True),
    "axe_serious": Asked(
        (
            "tests/flows/studio/test_page.py::test_axe_finds_nothing_serious_in_any_tab",
            "tests/evaluation/report/test_layout.py::test_axe_finds_nothing_serious_in_a_report",
        ),
        "axe_serious",
    ),
}


def measure(asked: Asked, folder: Path) -> Figure:
    """Runs the tests of a figure; null where all of them were skipped.

    Args:
        asked: which.
        folder: for the tests' report.
    """
    report = folder / "report.xml"
    options = ["-q", "-p", "no:cacheprovider", "-m", "", "-o", "junit_family=xunit1"]
    command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *asked.tests]
    subprocess.run(command, cwd=ROOT, check=False)
    return counted(asked, list(ElementTree.parse(report).iter("testcase")))


def counted(asked: Asked, cases: Sequence[ElementTree.Element]) -> Figure:
    """The figure of test cases as JUnit's XML tells them."""
    run = [case for case in cases if case.find("skipped") is None]
    passed = [case for case in run if case.find("failure") is None and case.find("error") is None]
    if not run:
        return Figure(None, "1", n=0)
    if asked.measured:
        values = list(_properties(passed, asked.measured))
        # What failed before it could measure is no success.
        return Figure(max(values) if len(passed) == len(run) else None, "1", n=len(run))
    return Figure(len(passed) / len(run) if asked.share else len(passed), "1", n=len(run))


def _properties(cases: Iterable[ElementTree.Element], name: str) -> Iterable[float]:
    for case in cases:
        for each in case.iter("property"):
            if each.get("name") == name:
                yield float(str(each.get("value")))


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without those that start a server")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            name: Figure(None, "1", n=0)
            if options.quick and asked.server
            else measure(asked, Path(folder))
            for name, asked in ASKED.items()
        }
    figures["seconds"] = Figure(time.monotonic() - start, "s")
    show("people", figures, {}, options.json, verdicts(BARS, figures))
