"""Makes shards on real workers: such as sleep, such as draw phantoms, or such as repeat a few."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.scale.measuring import size_mib, tell, timed
from benchmarks.scale.phantoms import SIZE, Again, phantom_run
from factory.generators.base import Generator
from factory.store.runs import declare, make, merge, missing
from factory.store.shards import Layout
from flows.api import start_prefect
from flows.context import RunContext, shard_pairs
from tasks.generation import make_pairs
from tasks.services.dask_cluster import open_cluster

DRAWN = 128  # px: smaller phantoms are drawn faster than they are written


def made(context: RunContext, build: Callable[[], Generator], workers: int) -> dict[str, float]:
    """Makes the pairs of a run; workers are started before the clock is."""
    numbers: dict[str, float] = {}
    settings = context.settings
    start_prefect(settings)
    with open_cluster(None, workers) as client:
        client.wait_for_workers(workers)
        with timed(numbers):
            make_pairs(context.store.create(), context.run, build, client)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)  # workers, and Prefect's server
    numbers["worker_mib"] = children.ru_maxrss / 1024
    numbers["store_mib"] = size_mib(Path(settings.pairs))
    numbers["database_mib"] = size_mib(settings.prefect_file.parent)
    return numbers


def made_here(context: RunContext, build: Callable[[], Generator]) -> dict[str, float]:
    """Makes the same pairs without any of it: no worker, no Prefect, one commit."""
    numbers: dict[str, float] = {}
    store, run, generator = context.store.create(), context.run, build()
    with timed(numbers):
        shards = missing(declare(store, run))
        session = store.writable(run.branch)
        forks = [session.fork() for _ in shards]
        merge(
            session, [make(generator.generate, *each) for each in zip(forks, shards, strict=True)]
        )
        store.commit(session, "pairs", {"kind": "pairs"})
    return numbers


def built(context: RunContext, part: str, seconds: float) -> Callable[[], Generator]:
    """What workers build: the generator itself, or one that repeats a few of its phantoms."""
    if part == "draw":
        return context.build_generator
    return partial(Again, context.run.generator, seconds)


if __name__ == "__main__":
    part, home, count, workers, seconds = sys.argv[1:]
    size = DRAWN if part == "draw" else SIZE
    each = 1 if part == "repeat" else Layout.of(size, 1, shard_pairs()).shard
    with phantom_run(Path(home), int(count) * each, f"image.size={size}") as context:
        build = built(context, part, float(seconds))
        found = made(context, build, int(workers)) if int(workers) else made_here(context, build)
    tell(found)
