import io
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from flows.console import result_tables, terminal
from flows.console.result_tables import size_text, time_text
from flows.console.terminal import Bars, Terminal, as_json
from flows.utility import UtilityResult


@dataclass
class Told:
    value: float
    path: Path
    inner: dict


def test_a_result_becomes_json_whatever_it_holds():
    told = Told(math.nan, Path("a/b"), {1: (True, None, 2.5)})
    assert as_json(told) == {"value": None, "path": "a/b", "inner": {"1": [True, None, 2.5]}}


def test_only_the_result_reaches_stdout(capfd):
    session = Terminal(json_wanted=True)
    with session.working():
        print("a library says hello")
        os.write(1, b"a child process too\n")
    session.show({"a": 1}, "never shown")
    out, err = capfd.readouterr()
    assert json.loads(out) == {"a": 1}
    assert "hello" in err
    assert "child process" in err


def test_in_a_log_a_long_stage_is_a_line_now_and_then(monkeypatch):
    log = io.StringIO()
    clock = iter([0.0, 0.0, 10.0, 40.0, 40.0, 50.0])
    # Not the clock itself: Prefect's event loop, which lives on in another thread, reads it too.
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    bars = Bars(Console(file=log, width=80))
    bar = bars.open("training", 100)
    for done in (10, 20, 30):
        bars.move(bar, done, "loss 0.5")
    bars.close(bar)
    assert log.getvalue().splitlines() == ["training …", "training: 20 of 100 loss 0.5"]


def test_equivalent_images_are_printed_with_their_interval():
    row = {"domain": "chest", "kind": "both", "real": "16", "ratio": 2.0, "words": "19 [fewer, 42]"}
    alone = row | {"kind": "synthetic", "real": "", "ratio": 0.0}
    nothing = {"levels": [], "gains": [], "equivalent_images": []}
    told = UtilityResult("a@v1", "val", "", None, [], [], [row, alone], nothing, [], [])
    log = io.StringIO()
    Console(file=log, width=80).print(result_tables.utility(told))
    assert "chest, both, 16 real, 2 : 1: 19 [fewer, 42]" in log.getvalue()
    assert "chest, synthetic: 19 [fewer, 42]" in log.getvalue()


def test_amounts_in_words():
    assert size_text(999) == "999 B"
    assert size_text(1_310_720) == "1.31 MB"
    assert time_text(59) == "59 s"
    assert time_text(600) == "10 min"
    assert time_text(9000) == "2.5 h"
