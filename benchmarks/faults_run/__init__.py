"""Does a run survive faults? Seeded schedules of real ones, and the version held against an undisturbed one.

`python -m benchmarks.faults_run` draws schedules: which fault, at which moments of the run, how many one
after another. Each is done to a run of its own of a small recipe of phantoms (48 pairs of 32 px, six
shards, three windows, a judge) with real workers, servers and disks; the same command is started again
as a user would, and the version is compared with that of an undisturbed run: every array, every score,
every event. About an hour on two cores for twenty; `--quick` takes four. Faults of disks and networks
need root, and are left out without.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.faults_run.schedules import Outcome, Trial, drawn
from benchmarks.faults_run.servers import PrefectServer, running
from benchmarks.figures import Bar, Figure, show, verdicts
from tasks.services.environment import quieten

FULL, QUICK = 20, 4


def figures(outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    """What the schedules came to together."""
    done = [each for each in outcomes if not each.skipped]
    counts = {
        "schedules": len(done),
        "schedules_identical": sum(each.identical for each in done),
        "faults_done": sum(len(each.struck) or not each.schedule.moments for each in done),
        "commands": sum(len(each.codes) for each in done),
        "complaints": sum(len(each.complaints) for each in done),
    }
    return {name: Figure(value, "1") for name, value in counts.items()}


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--schedules", type=int, default=FULL, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the schedules")
    parser.add_argument("--only", default="", help="only faults with these words in their name")
    parser.add_argument(
        "--keep", type=Path, help="folder to keep all in; undisturbed runs of it are used again"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} schedules")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    quieten()
    count = QUICK if options.quick else options.schedules
    start, outcomes = time.monotonic(), list[Outcome]()
    with TemporaryDirectory(prefix="medpair-faults-") as folder:
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)  # Prefect makes no folder within none
        server = PrefectServer(place / "prefect")
        with running(server):
            trial = Trial(place, server)
            for number, schedule in enumerate(drawn(count, options.seed)):
                if options.only in schedule.fault:
                    outcomes.append(trial.outcome(number, schedule))
                    print(number, outcomes[-1], file=sys.stderr, flush=True)
    found = figures(outcomes)
    bars = [Bar("schedules_identical", ">=", len(outcomes)), Bar("complaints", "<=", 0)]
    found["seconds"] = Figure(time.monotonic() - start, "s")
    notes = {f"schedule {number}": asdict(each) for number, each in enumerate(outcomes)}
    show("faults_run", found, notes, options.json, verdicts(bars, found))
