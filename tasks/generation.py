"""Fan-out: fork a session per shard, make the shards on Dask workers, merge, commit.

A shard is one Dask future, a window of shards one commit, and some windows are one Prefect task: a
hundred at most, for Prefect keeps some 27 kB per task, and spends longer on one than a GPU on a
pair.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager

from distributed import Client, Future, KilledWorker, as_completed
from filelock import Timeout
from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from factory.errors import InputError
from factory.generators.base import Generator
from factory.store.repository import ForkSession, Session, Store, arrays
from factory.store.runs import MadeShard, Run, declare, empty_rows, merge, missing
from factory.store.shards import Shard, windows
from factory.store.snapshot import Snapshot
from tasks.faults.deadly import WorkersLostError, deadly, lost
from tasks.faults.interruption import Interruption, put_off
from tasks.services.dask_cluster import (
    ONE_EACH,
    GeneratorPlugin,
    attempt_rows,
    make_shard,
    reached,
)
from tasks.services.progress import stage

log = logging.getLogger(__name__)

WINDOW = 32  # shards
TASKS = 100  # that make the pairs of a run; more would hide the others in Prefect's pages
OPTIONS = {"pure": False, "retries": 1, "resources": ONE_EACH}  # of a shard
AHEAD = 2  # shards handed out per worker: the next one lies there when one is finished


def make_pairs(
    store: Store, run: Run, build: Callable[[], Generator], client: Client, window: int = WINDOW
) -> Snapshot:
    """Makes what a run still lacks and gives the snapshot that ends the generation (G).

    A rerun makes nothing that is there; a simultaneous twin waits until this one is through.

    Args:
        store: the data set, which must exist.
        run: what to make.
        build: makes the generator on a worker; must be picklable.
        client: of a cluster whose workers offer the resource.
        window: shards per commit.
    """
    plugin = GeneratorPlugin(build, run.generator)
    with alone(store, run):
        portions = portions_of(missing(declare(store, run)), window)
        for number, portion in enumerate(portions, start=1):
            title = f"making pairs, part {number} of {len(portions)}"
            make_portion(client.scheduler.address, plugin, store, run.branch, portion, title)
    return store.snapshot(run.branch)


def portions_of(
    shards: Sequence[Shard], window: int = WINDOW
) -> list[tuple[tuple[Shard, ...], ...]]:
    """Windows of shards, in as many portions as there are tasks."""
    parts = windows(shards, window)
    return windows(parts, -(-len(parts) // TASKS) or 1)


def _worth_a_retry(_task: Task[..., str], _run: TaskRun, state: State[str]) -> bool:
    """What the user has to mend will not mend itself."""
    return not isinstance(state.data, InputError | WorkersLostError)


@task(
    retries=2,
    retry_delay_seconds=1,
    retry_condition_fn=_worth_a_retry,
    task_run_name="{title}",
    cache_policy=NO_CACHE,
)
def make_portion(
    address: str,
    plugin: GeneratorPlugin,
    store: Store,
    branch: str,
    portion: Sequence[Sequence[Shard]],
    title: str,
) -> str:
    """Makes and commits the shards that are still missing, window by window.

    A retry makes only what failed.
    """
    with reached(address) as client:
        for shards in portion:
            fill(client, plugin, store, branch, shards, title)
    return str(store.head(branch))


def fill(
    client: Client,
    plugin: GeneratorPlugin,
    store: Store,
    branch: str,
    shards: Sequence[Shard],
    title: str,
) -> str:
    """Makes the missing ones of some shards on the workers and commits them together.

    At the first Ctrl-C no other shard is begun, and those in flight are finished and committed.

    Returns:
        Head of the branch.

    Raises:
        Exception: of the first shard that failed, once the others are committed.
        KeyboardInterrupt: after Ctrl-C, once what was made is committed.
    """
    client.register_plugin(plugin)
    done = store.snapshot(branch).shard_done
    todo = [shard for shard in shards if not done[shard.index]]
    session, made, failures = store.writable(branch), [], []
    total = sum(len(shard) for shard in todo)
    with put_off() as interruption, stage(title, total=total) as progress:
        for shard, outcome in _made(client, plugin, session, todo, interruption):
            if isinstance(outcome, BaseException):
                outcome.add_note(f"while making rows {shard.start} to {shard.stop - 1}")
                failures.append(outcome)
            else:
                merge(session, [outcome])
                made.append(shard.index)
                progress.advance(len(shard))
            if interruption.asked:
                progress.advance(0, note="ends with the shards in flight; Ctrl-C again stops now")
        if made:
            store.commit(session, f"{len(made)} shards", {"kind": "pairs", "shards": sorted(made)})
    if failures:
        raise failures[0]
    return str(store.head(branch))


def _made(
    client: Client,
    plugin: GeneratorPlugin,
    session: Session,
    shards: Sequence[Shard],
    interruption: Interruption,
) -> Iterator[tuple[Shard, MadeShard | BaseException]]:
    """Shards as they come, each made or with what went wrong.

    Only as many are handed out as keep all workers busy: what was not, an interruption leaves.
    """
    # Forked before anything is merged: later the session has changes, and cannot be.
    left = deque([(shard, session.fork()) for shard in shards])
    shard_of: dict[Future, tuple[Shard, ForkSession]] = {}
    blamed: list[tuple[Shard, ForkSession]] = []
    coming = as_completed(loop=client.loop, raise_errors=False)

    def hand_out() -> None:
        most = AHEAD * max(1, len(client.nthreads()))
        while left and not interruption.asked and len(shard_of) < most:
            shard, fork = left.popleft()
            future = client.submit(make_shard, fork, shard, plugin.digest, **OPTIONS)
            shard_of[future] = shard, fork
            coming.add(future)

    hand_out()
    for future in coming:
        shard, fork = shard_of.pop(future)
        outcome = _outcome(future)
        if isinstance(outcome, KilledWorker):
            blamed.append((shard, fork))
        else:
            yield shard, outcome
        if isinstance(outcome, CancelledError):
            left.clear()  # the scheduler is gone, and with it all that was handed out
        hand_out()
    for shard, fork in blamed:
        if not interruption.asked:
            yield shard, _made_alone(client, plugin.digest, fork, shard)


def _outcome(future: Future) -> MadeShard | BaseException:
    """What a future came to, which is let go: a kept one would be made again if its worker died."""
    try:
        found: MadeShard | BaseException = future.result()
    except Exception as error:  # noqa: BLE001  # whatever a generator or Dask raises
        found = error
    future.release()
    return found


def _made_alone(
    client: Client, digest: str, fork: ForkSession, shard: Shard
) -> MadeShard | BaseException:
    """A shard at which workers ended, while they make nothing else: Dask blames all that they had.

    Prompts at which one ends alone are left out.
    """

    def outcome(work: Callable[..., object], *args: object) -> MadeShard | BaseException:
        return _outcome(client.submit(work, *args, **OPTIONS))

    def dies(rows: Sequence[int]) -> bool:
        return isinstance(outcome(attempt_rows, fork, rows, digest), KilledWorker)

    found = outcome(make_shard, fork, shard, digest)
    if not isinstance(found, KilledWorker):
        return found
    rows = empty_rows(arrays(fork), shard).tolist()
    try:
        spared = deadly(rows, dies)
    except WorkersLostError as error:
        return error
    if spared:
        log.warning("rows %s are left out: each ends the worker that makes it", spared)
    found = outcome(make_shard, fork, shard, digest, spared)
    return lost(rows) if isinstance(found, KilledWorker) else found


@contextmanager
def alone(store: Store, run: Run) -> Iterator[None]:
    """Holds the lock of a run; a twin of it says what it is waiting for."""
    lock = store.lock(run.branch)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with stage(f"waiting for another process that makes run {run.id}"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
