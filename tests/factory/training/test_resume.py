"""Where a training goes on: what is saved whole, and the seconds of all its starts."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from factory.training import resume
from factory.training.resume import Stopwatch, save_whole


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(resume, "time", SimpleNamespace(monotonic=lambda: clock.now))
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


def test_a_save_that_is_killed_leaves_nothing_that_passes_for_finished(tmp_path: Path) -> None:
    def killed(folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    done = tmp_path / "vae"
    with pytest.raises(KeyboardInterrupt):
        save_whole(killed, done)
    assert not done.exists()

    def finished(folder: Path) -> None:
        (folder / "weights").write_text("all of them")

    save_whole(finished, done)
    assert [file.name for file in done.iterdir()] == ["weights"]
    assert [file.name for file in tmp_path.iterdir()] == ["vae"]
