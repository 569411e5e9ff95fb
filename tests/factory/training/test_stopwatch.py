"""How long a training took: over all its starts, without the time between."""

import time

import pytest

from factory.training import stopwatch
from factory.training.stopwatch import Stopwatch


def stage(steps, seconds=0.0):
    for step in range(steps):
        time.sleep(seconds)
        yield step
    return "trained"


def result_of(generator):
    steps = []
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as end:
            return steps, end.value


def test_a_stage_passes_through_unchanged(tmp_path):
    watch = Stopwatch(tmp_path / "training" / "seconds")
    assert result_of(watch.over(stage(3))) == ([0, 1, 2], "trained")


def test_seconds_of_earlier_starts_count_and_those_between_do_not(tmp_path):
    file = tmp_path / "seconds"
    first = Stopwatch(file)
    result_of(first.over(stage(1, 0.05)))
    told = float(file.read_text())
    assert told == pytest.approx(first.seconds, abs=0.1)  # kept to a tenth
    file.write_text("100.0")
    time.sleep(0.05)
    began = time.monotonic()
    again = Stopwatch(file)
    result_of(again.over(stage(1, 0.05)))
    assert 100.05 <= again.seconds <= 100.0 + time.monotonic() - began


def test_a_stage_that_is_cut_off_has_its_seconds_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(stopwatch, "NOTE_SECONDS", 0.0)
    file = tmp_path / "seconds"
    file.write_text("100.0")
    loop = Stopwatch(file).over(stage(9))
    next(loop)
    loop.close()
    assert float(file.read_text()) == pytest.approx(100.0, abs=5)
    assert not list(tmp_path.glob("*.partial"))
