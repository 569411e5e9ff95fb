"""Frees what no version of a data set needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from filelock import Timeout

from factory.identity import is_aside
from factory.store.repository import MAIN, Store
from factory.store.storage import local_folder


@dataclass(frozen=True)
class Garbage:
    """What was freed, or would be: branches that go, and how much of what lies in the store."""

    branches: tuple[str, ...]
    snapshots: int
    chunks: int
    bytes: int


def free(
    store: Store, older_than: datetime, *, runs: bool = False, dry_run: bool = True
) -> Garbage:
    """Forgets old history and frees what nothing refers to any more.

    Published versions stay, being tagged. Branches on which processes that died were laying rows
    out go, whatever their age; in an object store they stay, where another machine may be at
    work on them. Objects newer than the cut-off stay too: a window
    under way has written chunks that no snapshot names yet, so keep a day.

    Args:
        store: of the data set.
        older_than: the cut-off, with a time zone.
        runs: also drop the branches of runs whose last commit is older; an unpublished run
            then has to make its pairs again.
        dry_run: only report.
    """
    repository = store.repository  # the lock would make the folder of one that is not there
    with store.lock():
        old = (*_left_behind(store), *(_old_runs(store, older_than) if runs else ()))
        if not dry_run:
            for branch in old:
                store.drop(branch)
            repository.expire_snapshots(older_than)
        freed = repository.garbage_collect(older_than, dry_run=dry_run)
    return Garbage(old, freed.snapshots_deleted, freed.chunks_deleted, freed.bytes_deleted)


def _left_behind(store: Store) -> tuple[str, ...]:
    """Branches that nobody lays rows out on any more; the lock, which declarations hold, is held."""
    if local_folder(store.uri) is None:
        return ()
    asides = tuple(sorted(filter(is_aside, store.repository.list_branches())))
    try:
        with store.lock("repair").acquire(timeout=0):
            return asides
    except Timeout:
        return tuple(name for name in asides if not name.startswith("repair"))


def _old_runs(store: Store, older_than: datetime) -> tuple[str, ...]:
    branches = store.branches()
    kept = {*store.tags().values(), branches[MAIN]}
    idle = {n: head for n, head in branches.items() if head not in kept and not is_aside(n)}
    written = {n: store.repository.lookup_snapshot(head).written_at for n, head in idle.items()}
    return tuple(name for name in idle if written[name] < older_than)
