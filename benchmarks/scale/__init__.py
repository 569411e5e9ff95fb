"""Does it hold up with a million pairs? `python -m benchmarks.scale` plans, resumes, makes and scores.

Every measurement is a process of its own, so that its memory is its own. `--quick` stops at 10⁵
prompts and scores 10³ and 10⁴ pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.scale.plot import draw

PLANNED = (1_000, 10_000, 100_000, 1_000_000)  # prompts
MADE = (1_000, 10_000, 100_000)  # pairs
SCORED = (10_000, 100_000)  # pairs
SAMPLE = 5_000  # of which are scored: `evaluate.sample`
QUICK = 10  # times fewer of all
DRAWN = 4  # times as many shards of phantoms, which take half a second, as of those that sleep
SLEEP = 10.0  # seconds that a shard takes where orchestration is measured
Numbers = Mapping[str, float]


def measured(name: str, *arguments: object) -> Numbers:
    """What a measurement, in a process of its own, prints on its last line as JSON."""
    command = [sys.executable, "-m", f"benchmarks.scale.{name}", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    numbers: Numbers = json.loads(done.stdout.splitlines()[-1])
    return numbers


def planning(counts: Sequence[int], folder: Path) -> Iterator[tuple[str, Figure]]:
    """Prompts declared, and, all shards being marked as done, a run that is begun again."""
    for count in counts:
        home = folder / f"planned-{count}"
        found = measured("planning", "declare", home, count)
        again = measured("planning", "resume", home, count)
        yield f"plan_seconds_{count}", Figure(found["seconds"], "s", n=count)
        yield f"plan_mib_{count}", Figure(found["mib"], "MiB at most", n=count)
        yield f"store_mib_{count}", Figure(found["store_mib"], "MiB before any pixel", n=count)
        yield f"tasks_{count}", Figure(found["tasks"], "Prefect tasks", n=count)
        yield f"resume_seconds_{count}", Figure(again["seconds"], "s", n=count)
        yield f"resume_mib_{count}", Figure(again["mib"], "MiB at most", n=count)


def making(counts: Sequence[int], folder: Path) -> Iterator[tuple[str, Figure]]:
    """Pairs that take no time to draw, made by two workers from the first shard to the last."""
    for count in counts:
        found = measured("orchestration", "repeat", folder / f"made-{count}", count, 2, 0)
        yield f"make_seconds_{count}", Figure(found["seconds"], "s", n=count)
        yield f"driver_mib_{count}", Figure(found["mib"], "MiB at most", n=count)
        yield f"worker_mib_{count}", Figure(found["worker_mib"], "MiB at most", n=count)
        yield f"made_store_mib_{count}", Figure(found["store_mib"], "MiB", n=count)
        yield f"database_mib_{count}", Figure(found["database_mib"], "MiB of Prefect", n=count)


def scoring(counts: Sequence[int], sample: int, folder: Path) -> Iterator[tuple[str, Figure]]:
    """Versions that grow, of which a sample is scored."""
    most = []
    for count in counts:
        home = folder / f"scored-{count}"
        made = measured("scoring", "make", home, count, sample)
        found = measured("scoring", "score", home, count, sample)
        yield f"write_seconds_{count}", Figure(made["seconds"], "s", n=count)
        yield f"store_of_pairs_mib_{count}", Figure(made["store_mib"], "MiB", n=count)
        yield f"score_seconds_{count}", Figure(found["seconds"], "s, judge trained", n=count)
        yield f"score_mib_{count}", Figure(found["mib"], "MiB at most", n=count)
        most.append(found["mib"])
    yield "score_memory_growth", Figure(most[-1] / most[0], f"{counts[-1]} over {counts[0]} pairs")


def orchestration(shards: int, seconds: float, folder: Path) -> Iterator[tuple[str, Figure]]:
    """Shards that sleep, and shards of phantoms by none, one worker and two."""
    slept = measured("orchestration", "sleep", folder / "slept", shards, 2, seconds)
    over = slept["seconds"] / (seconds * shards / 2) - 1
    yield "orchestration_share", Figure(over, f"of {seconds:g}-s shards, two workers", n=shards)
    none, one, two = (
        measured("orchestration", "draw", folder / f"drawn-{workers}", DRAWN * shards, workers, 0)
        for workers in (0, 1, 2)
    )
    yield (
        "worker_share",
        Figure(one["seconds"] / none["seconds"] - 1, "more than without any", n=DRAWN * shards),
    )
    ratio = one["seconds"] / two["seconds"]
    yield "second_worker_ratio", Figure(ratio, "times as fast", n=DRAWN * shards)


def bars(counts: Sequence[int]) -> list[Bar]:
    """What the figures have to reach."""
    most = counts[-1]
    return [
        Bar(f"plan_seconds_{most}", "<=", 10.0),
        Bar(f"plan_mib_{most}", "<=", 1024.0),
        Bar(f"tasks_{most}", "<=", 100.0),
        Bar(f"resume_seconds_{most}", "<=", 5.0),
        Bar("score_memory_growth", "<=", 1.2),
        Bar("orchestration_share", "<=", 0.03),
        Bar("second_worker_ratio", ">=", 1.8),
    ]


def main() -> None:
    """Prints the figures, and whether they reach their bars."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="ten times fewer pairs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parts = "planning", "making", "scoring", "orchestration"
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--pictures", type=Path, help="folder for the plot of planning and making")
    arguments = parser.parse_args()
    less = QUICK if arguments.quick else 1
    planned = PLANNED[:-1] if arguments.quick else PLANNED
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        ways = {
            "planning": planning(planned, folder),
            "making": making([n // less for n in MADE], folder),
            "scoring": scoring([n // less for n in SCORED], SAMPLE // less, folder),
            "orchestration": orchestration(16, SLEEP / less, folder),
        }
        figures = dict(each for name in arguments.only for each in ways[name])
    if arguments.pictures:
        draw(figures, arguments.pictures / "scale.png")
    met = verdicts(bars(planned), figures)
    show("scale", figures, {}, arguments.json, met)


__all__ = ["main"]
