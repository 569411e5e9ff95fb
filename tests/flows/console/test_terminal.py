import io
import json
import logging
import math
import os
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from factory.errors import WithdrawnWarning
from flows.console import bars
from flows.console.tables import utility_tables
from flows.console.tables.result_tables import size_text, time_text
from flows.console.terminal import Terminal, as_json
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


def test_what_our_code_warns_of_is_one_line_however_often_and_whoever_else_would_print_it(capfd):
    printed = logging.StreamHandler()  # as Prefect's, which is there from its import on
    printed.setFormatter(logging.Formatter("07:00:00.000 | %(levelname)s | %(name)s - %(message)s"))
    logging.getLogger().addHandler(printed)
    try:
        with Terminal(json_wanted=False).working():
            for _ in range(3):
                logging.getLogger("factory.sources.folder").warning("%d of 9 rows", 4)
                warnings.warn("a@v1 is withdrawn: shifted", WithdrawnWarning, stacklevel=1)
            logging.getLogger("elsewhere").warning("of a library")
        logging.getLogger("factory.sources.folder").warning("after it")
    finally:
        logging.getLogger().removeHandler(printed)
    assert capfd.readouterr().err.splitlines() == [
        "medpair: 4 of 9 rows",
        "medpair: a@v1 is withdrawn: shifted",
        "07:00:00.000 | WARNING | elsewhere - of a library",
        "07:00:00.000 | WARNING | factory.sources.folder - after it",
    ]


def test_in_a_log_a_stage_is_a_line_and_a_long_one_another_now_and_then(monkeypatch):
    log = io.StringIO()
    clock = iter([0.0, 0.0, 100.0, 400.0, 400.0, 500.0])
    # Not the clock itself: Prefect's event loop, which lives on in another thread, reads it too.
    monkeypatch.setattr(bars, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    shown = bars.Bars(Console(file=log, width=80))
    bar = shown.open("training", 100)
    for done in (10, 20, 30):
        shown.move(bar, done, "loss 0.5")
    shown.close(bar)
    assert log.getvalue().splitlines() == ["training …", "training: 20 of 100 loss 0.5"]


def last_line(log):
    """What stands last on the terminal, without what moves its cursor."""
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", log.getvalue())
    return [line for line in text.splitlines() if line.strip()][-1]


def test_a_bar_keeps_share_rate_and_time_left_at_80_columns():
    log = io.StringIO()
    shown = bars.Bars(Console(file=log, width=80, force_terminal=True, color_system=None))
    with shown.live():
        bar = shown.open("training unet-breast-us-busi-pretrained-real-10-seed0", 1500)
        for done in range(1, 4):
            time.sleep(0.05)
            shown.move(bar, 100 * done, "loss 0.480")
    last = last_line(log)
    assert "training unet-b…ed-real-10-seed0" in last
    assert " 20% 300/1500 " in last
    assert re.search(r" \d+(\.\d+)?/s \d:\d\d:\d\d", last)
    assert len(last.rstrip()) <= 80


def test_what_is_through_does_not_push_what_is_under_way_off_the_terminal():
    log = io.StringIO()
    shown = bars.Bars(Console(file=log, width=80, height=12, force_terminal=True))
    with shown.live():
        for number in range(30):
            shown.close(shown.open(f"stage {number}", 1))
        shown.open("the last one", 1)
    assert "the last one" in last_line(log)


def test_equivalent_images_are_printed_with_their_interval():
    row = {"domain": "chest", "kind": "both", "real": "16", "ratio": 2.0, "words": "19 [fewer, 42]"}
    alone = row | {"kind": "synthetic", "real": "", "ratio": 0.0}
    nothing = {"levels": [], "gains": [], "equivalent_images": []}
    told = UtilityResult("a@v1", "val", "", None, [], [], [row, alone], nothing, [], [])
    log = io.StringIO()
    Console(file=log, width=80).print(utility_tables.utility(told))
    assert "chest, both, 16 real, 2:1: 19 [fewer, 42]" in log.getvalue()
    assert "chest, synthetic: 19 [fewer, 42]" in log.getvalue()


def test_amounts_in_words():
    assert size_text(999) == "999 B"
    assert size_text(1_310_720) == "1.31 MB"
    assert time_text(59) == "59 s"
    assert time_text(600) == "10 min"
    assert time_text(9000) == "2.5 h"
