"""Declares a run of so many prompts, or begins one again that was made to its last shard."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale.measuring import size_mib, tell, timed
from benchmarks.scale.phantoms import phantom_run
from factory.store.repository import arrays
from factory.store.runs import declare, missing
from flows.context import RunContext
from tasks.generation import portions_of


def declared(context: RunContext) -> dict[str, float]:
    """Lays out every row of a run, as its first minute does."""
    numbers: dict[str, float] = {}
    with timed(numbers):
        store, run = context.store.create(), context.run
        todo = missing(declare(store, run))
    numbers["tasks"] = len(portions_of(todo))
    numbers["store_mib"] = size_mib(Path(context.settings.pairs))
    session = store.writable(run.branch)
    arrays(session)["shard_done"][:] = True  # for the run that is begun again
    store.commit(session, "all shards", {"kind": "pairs"})
    return numbers


def resumed(context: RunContext) -> dict[str, float]:
    """Finds what a run still lacks: nothing."""
    numbers: dict[str, float] = {}
    with timed(numbers):
        if missing(declare(context.store, context.run)):
            raise ValueError("the run was to lack nothing")
    return numbers


PARTS: dict[str, Callable[[RunContext], dict[str, float]]] = {
    "declare": declared,
    "resume": resumed,
}

if __name__ == "__main__":
    part, home, count = sys.argv[1:]
    with phantom_run(Path(home), int(count)) as context:
        found = PARTS[part](context)
    tell(found)
