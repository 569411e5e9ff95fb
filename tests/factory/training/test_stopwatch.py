"""How long a training took: over all its starts, without the time between."""

from types import SimpleNamespace

import pytest

from factory.training import stopwatch
from factory.training.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def stage(clock, steps, seconds=0.0):
    for step in range(steps):
        clock.now += seconds
        yield step
    return "trained"


def result_of(generator):
    steps = []
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as end:
            return steps, end.value


def test_a_stage_passes_through_unchanged(clock, tmp_path):
    watch = Stopwatch(tmp_path / "training" / "seconds")
    assert result_of(watch.over(stage(clock, 3))) == ([0, 1, 2], "trained")


def test_seconds_of_earlier_starts_count_and_those_between_do_not(clock, tmp_path):
    file = tmp_path / "seconds"
    first = Stopwatch(file)
    result_of(first.over(stage(clock, 3, 2.0)))
    assert first.seconds == 6
    assert float(file.read_text()) == 6
    clock.now += 500
    again = Stopwatch(file)
    assert again.seconds == 6
    result_of(again.over(stage(clock, 1, 4.0)))
    assert again.seconds == 10
    assert float(file.read_text()) == 10


def test_a_stage_that_is_cut_off_loses_the_seconds_since_the_last_note(clock, tmp_path):
    file = tmp_path / "seconds"
    file.write_text("100.0")
    loop = Stopwatch(file).over(stage(clock, 9, 6.0))
    for _ in range(3):
        next(loop)
    loop.close()
    assert float(file.read_text()) == 112  # noted after more than ten seconds, at the second step
    assert not list(tmp_path.glob("*.partial"))
