"""The harness of bad inputs: what it counts it can see, and a small sample of every kind holds."""

import os
import time
from pathlib import Path

import pytest

from benchmarks.bad_inputs import KINDS, Bench, counts, figures_of, watch
from benchmarks.bad_inputs.attempt import Answer, Outcome, attempt, in_process
from benchmarks.bad_inputs.case import RAN, Case, Numbered, Place
from benchmarks.bad_inputs.ground import lay_ground
from benchmarks.bad_inputs.watch import watched

CASE = Case("nothing", ("run",))
CHEAP = (
    "recipe-text",
    "set",
    "table",
    "label-map",
    "nnunet",
    "annotations",
    "image",
    "nifti",
    "home",
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return lay_ground(tmp_path_factory.mktemp("bad-inputs") / "ground")


def faults(tmp_path, answer, case=CASE, does=lambda: None):
    """What is held against a command that gives this answer after it did something."""
    for name in ("case", "kept"):
        (tmp_path / name).mkdir()

    def command(words):
        does()
        return answer

    return attempt("a:0", case, tmp_path / "case", tmp_path / "kept", command).faults


REFUSED = Answer(2, "reading …\nmedpair: it is wrong; correct it\n")
SEEN = {
    "a traceback": (Answer(2, "Traceback (most recent call last)\nmedpair: x"), ("traceback",)),
    "an error that nobody foresaw": (Answer(1, "medpair: KeyError: 'x'"), ("traceback",)),
    "a refusal without a word": (Answer(2, ""), ("traceback",)),
    "memory": (Answer(2, "medpair: it cannot be read (MemoryError)"), ("memory",)),
    "a long line": (Answer(2, f"medpair: {'x' * 700}"), ("wall",)),
    "many lines": (Answer(2, "medpair: x\n" * 100), ("wall",)),
    "nothing": (REFUSED, ()),
}


@pytest.mark.parametrize("what", SEEN)
def test_what_is_wrong_with_an_answer_is_seen(what, tmp_path):
    answer, expected = SEEN[what]
    assert faults(tmp_path, answer) == expected


def test_what_a_refused_command_wrote_is_seen(tmp_path):
    assert faults(tmp_path, REFUSED, does=lambda: Path("left").touch()) == ("write",)


def test_what_an_accepted_command_wrote_is_its_work(tmp_path):
    assert faults(tmp_path, Answer(0, ""), does=lambda: Path("made").touch()) == ()


def test_code_that_ran_is_seen(tmp_path):
    assert faults(tmp_path, Answer(0, ""), does=lambda: Path(RAN).touch()) == ("ran",)


def test_a_bomb_that_takes_memory_is_seen(tmp_path):
    bomb = Case("bomb", ("run",), bomb=True)
    assert faults(tmp_path, REFUSED, bomb, lambda: bytearray(b"x") * 300_000_000) == ("bomb",)


def answering(number):
    """The third hangs, the fifth dies."""
    if number == 2:
        time.sleep(60)
    if number == 4:
        os._exit(1)
    return Outcome(f"a:{number}", "", False, True, (), 0.0, 0.0, "")


def test_a_case_that_hangs_or_dies_is_counted_and_the_others_go_on():
    found = list(watched(answering, range(7), lambda number: f"a:{number}", 1.0))
    assert [outcome.case for outcome in found] == [f"a:{number}" for number in range(7)]
    assert {outcome.case: outcome.faults for outcome in found if outcome.faults} == {
        "a:2": ("hang",),
        "a:4": ("memory",),
    }
    figures = figures_of(found)
    assert (figures["hang"].value, figures["memory"].value, figures["cases"].value) == (1, 1, 7)


def test_a_child_that_fills_the_memory_ends_alone(monkeypatch):
    monkeypatch.setattr(watch, "MOST_BYTES", 2**28)

    def greedy(number):
        try:
            bytearray(2**30)
        except MemoryError:
            return Outcome("a:0", "", False, True, ("memory",), 0.0, 0.0, "")
        raise AssertionError("there was no limit")

    (outcome,) = watched(greedy, range(1), str, 10.0)
    assert outcome.faults == ("memory",)


def test_every_kind_has_its_share():
    wanted = counts(10_000)
    assert wanted.keys() == KINDS.keys()
    assert sum(wanted.values()) == pytest.approx(10_000, abs=30)
    assert min(counts(1).values()) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_number_lays_the_same_case(kind, ground, tmp_path):
    laid = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        case = Numbered(kind, 3, 0).lay(KINDS[kind].lay, Place(tmp_path / name, ground))
        texts = [str(word).replace(str(tmp_path / name), "") for word in case.words]
        laid.append((case.what, texts, sorted(p.name for p in (tmp_path / name).rglob("*"))))
    assert laid[0] == laid[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of numpy and nibabel, about what they are given
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", CHEAP)
def test_a_sample_is_refused_in_lines_or_taken(kind, ground, tmp_path):
    bench = Bench(ground, tmp_path, 1, in_process)
    wrong = [found for number in range(12) if (found := bench.run(kind, number)).faults]
    assert not wrong
