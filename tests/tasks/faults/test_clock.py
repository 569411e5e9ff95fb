"""A clock that moves while a run is declared, filled, judged and published: same bytes, nothing lost.

Debian's libfaketime shows another time to a process and to all libraries in it, Icechunk's Rust
included; times that the kernel gives to files stay right. Setting the clock back is also what setting it
right is, once data were written while it was ahead.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evaluation.lake.lake import Lake
from factory.store.repository import Store

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(LIBRARY is None, reason="needs Debian's package libfaketime"),
]
STEPS = ("declare", "window", "window", "judge", "allot", "publish")
# One start of the driver: the steps that are left, the clock moved before one of them.
DRIVER = """
import os
import sys
from pathlib import Path
from evaluation.lake.lake import Lake
from factory.store.repository import MAIN, Store
from factory.store.runs import declare, judge, make, merge, missing
from tasks.faults.machine import in_words
from tests.factory.store.test_runs import Stripes, run

folder, clock, moved, shift = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
store, lake, plan = Store(str(folder / "pairs"), "s").create(), Lake(str(folder / "lake")), run(replicates=16)

def window():
    session = store.writable(plan.branch)
    if shards := missing(store.snapshot(plan.branch))[:1]:
        merge(session, [make(Stripes().generate, session.fork(), each) for each in shards])
        store.commit(session, "window", {"kind": "pairs"})

def publish():
    judged = store.snapshot(plan.branch)
    number = lake.allot("s", judged.id, plan.id)
    store.tag(f"v{number}", judged.id)
    store.move(MAIN, judged.id, judged.attributes["base"])
    lake.publish("s", number, judged.id, plan.id)

steps = (
    lambda: declare(store, plan),
    window,
    window,
    lambda: judge(store, plan.branch),
    lambda: lake.allot("s", store.head(plan.branch), plan.id),
    publish,
)
for number, step in enumerate(steps):
    if number == moved:
        clock.write_text(shift)
    try:
        step()
    except Exception as error:
        print(in_words(error) or repr(error), file=sys.stderr, flush=True)
        os._exit(1)
os._exit(0)  # libfaketime fails at what sleeps when an interpreter ends
"""


def started(folder, moved=-1, shift=""):
    """Starts the driver at the right time."""
    clock = folder.with_name(f"{folder.name}-clock")
    clock.write_text("+0")
    faked = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock)}
    # A clock that is set moves no timer.
    faked |= {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return subprocess.run(
        [sys.executable, "-c", DRIVER, folder, clock, str(moved), shift],
        env=os.environ | faked | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def content(folder):
    """Every array of the version, and what the lake says of it."""
    snapshot = Store(str(folder / "pairs"), "s").snapshot("v1")
    arrays = {name: snapshot.group[name][:] for name in sorted(snapshot.group.array_keys())}
    events = Lake(str(folder / "lake")).versions("s").sort_values("event")
    return arrays, events[["number", "event", "run"]].to_numpy().tolist()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "home"
    assert started(folder).returncode == 0
    return content(folder)


@pytest.mark.parametrize(
    ("moved", "shift"),
    [(0, "-1h"), (0, "-3s"), (1, "-1h"), (2, "+1h"), (3, "-1h"), (5, "-1h")],
    ids=lambda value: STEPS[value] if isinstance(value, int) else value,
)
def test_a_clock_that_moves_costs_a_line_at_most(moved, shift, undisturbed, tmp_path):
    folder = tmp_path / "home"
    first = started(folder, moved, shift)
    if first.returncode:
        lines = [line for line in first.stderr.splitlines() if "atexit" not in line]
        lines = [
            line for line in lines if "OSError: [Errno 22]" not in line
        ]  # of the library's sleep
        assert len(lines) == 1, first.stderr
        assert lines[0].startswith("the clock of this machine is")
        again = started(folder)
        assert again.returncode == 0, again.stderr
    arrays, events = content(folder)
    assert events == undisturbed[1]
    assert arrays.keys() == undisturbed[0].keys()
    for name, values in undisturbed[0].items():
        np.testing.assert_array_equal(arrays[name], values)
