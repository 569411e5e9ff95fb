"""Writes a version of so many pairs, or scores a sample of it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.scale.measuring import size_mib, tell, timed
from benchmarks.scale.phantoms import Again, phantom_run
from factory.store.runs import declare, judge, make, merge, missing
from factory.store.shards import windows
from flows import api
from flows.context import RunContext
from flows.datasets import Version
from tasks.generation import WINDOW


def written(context: RunContext) -> dict[str, float]:
    """Makes, commits and judges all pairs in this process."""
    numbers: dict[str, float] = {}
    with timed(numbers):
        store, run = context.store.create(), context.run
        generate = Again(run.generator).generate
        for shards in windows(missing(declare(store, run)), WINDOW):
            session = store.writable(run.branch)
            forks = [session.fork() for _ in shards]
            merge(session, [make(generate, *each) for each in zip(forks, shards, strict=True)])
            store.commit(session, "pairs", {"kind": "pairs"})
        judge(store, run.branch)
    numbers["store_mib"] = size_mib(Path(context.settings.pairs))
    return numbers


def scored(context: RunContext) -> dict[str, float]:
    """Scores the version as `medpair evaluate` does."""
    numbers: dict[str, float] = {}
    with timed(numbers):
        api.evaluate(Version(context.recipe.name, context.run.branch), context.settings)
    return numbers


PARTS = {"make": written, "score": scored}

if __name__ == "__main__":
    part, home, count, sample = sys.argv[1:]
    with phantom_run(Path(home), int(count), f"evaluate.sample={sample}") as context:
        found = PARTS[part](context)
    tell(found)
