"""Makes shards on real workers: such as sleep, or such as draw phantoms."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.scale.measuring import tell, timed
from benchmarks.scale.phantoms import SIZE, Again, phantom_run
from factory.generators.base import Generator
from factory.store.shards import Layout
from flows.api import start_prefect
from flows.context import RunContext, shard_pairs
from tasks.generation import make_pairs
from tasks.services.dask_cluster import open_cluster

DRAWN = 128  # px: smaller phantoms are drawn faster than they are written


def made(context: RunContext, workers: int, seconds: float) -> dict[str, float]:
    """Makes the pairs of a run; workers are started before the clock is."""
    numbers: dict[str, float] = {}
    again = partial(Again, context.run.generator, seconds)
    build: Callable[[], Generator] = again if seconds else context.build_generator
    start_prefect(context.settings)
    with open_cluster(None, workers) as client:
        client.wait_for_workers(workers)
        with timed(numbers):
            make_pairs(context.store.create(), context.run, build, client)
    return numbers


if __name__ == "__main__":
    part, home, shards, workers, seconds = sys.argv[1:]
    size = SIZE if part == "sleep" else DRAWN
    each = Layout.of(size, 1, shard_pairs()).shard
    with phantom_run(Path(home), int(shards) * each, f"image.size={size}") as context:
        found = made(context, int(workers), float(seconds) if part == "sleep" else 0.0)
    tell(found)
