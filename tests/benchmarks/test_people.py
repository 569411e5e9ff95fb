"""What a figure of people's benchmark counts, from test reports as pytest writes them."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.people import ASKED, ROOT, Asked, counted

CASES = ElementTree.fromstring(
    """<testsuite>
    <testcase name="a"><properties><property name="screens" value="3.5"/></properties></testcase>
    <testcase name="b"/>
    <testcase name="c"><failure/></testcase>
    <testcase name="d"><skipped/></testcase>
    </testsuite>"""
)
EVERY = list(CASES.iter("testcase"))


def test_passed_tests_are_counted_skipped_ones_are_not():
    assert counted(Asked(("x",)), EVERY).value == pytest.approx(2 / 3)
    assert counted(Asked(("x",), share=False), EVERY).value == 2
    assert counted(Asked(("x",)), EVERY[3:]).value is None


def test_what_was_measured_counts_only_where_all_passed():
    assert counted(Asked(("x",), "screens"), EVERY[:2]).value == 3.5
    assert counted(Asked(("x",), "screens"), EVERY).value is None


@pytest.mark.parametrize("name", ASKED)
def test_every_figure_names_tests_that_exist(name):
    for test in ASKED[name].tests:
        path, _, function = test.partition("::")
        assert f"def {function}" in Path(ROOT, path).read_text()
