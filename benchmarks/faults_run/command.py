"""`python -m benchmarks.faults_run.command`: `medpair`, with small shards and the flawed generator.

Shards of eight pairs and windows of two shards make several of both of a run of seconds. Workers of
a cluster need neither: a shard comes to them with its size. MEDPAIR_HOME says where the home is.
"""

from __future__ import annotations

import signal
from functools import partial
from typing import cast

from benchmarks.faults_run.flawed import FlawedSpec
from factory import generators
from factory.generators.spec import GeneratorSpec
from factory.store import shards
from tasks.services.settings import load_settings

SHARD, WINDOW = 8, 2


def main() -> None:
    """Runs a command of `medpair`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # behind `nohup` it would be ignored
    registry = cast("dict[str, type[GeneratorSpec]]", generators.GENERATORS)
    registry["flawed"] = FlawedSpec  # before recipes are, whose form follows from it
    vars(shards)["chunk_for"] = lambda _bytes: SHARD

    # Prefect reads where it lives when it is first imported.
    load_settings().enter()
    from flows import context, generate
    from flows.console import cli
    from tasks.generation import make_pairs

    vars(context)["shard_pairs"] = lambda: SHARD
    vars(generate)["make_pairs"] = partial(make_pairs, window=WINDOW)
    cli.main()


if __name__ == "__main__":
    main()
