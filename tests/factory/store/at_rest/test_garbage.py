"""Garbage: what nobody needs is freed, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from factory.store.at_rest.garbage import free
from factory.store.repository import MAIN, Store


@pytest.fixture
def store(empty):
    return empty


def test_garbage_collection_keeps_what_is_named_and_what_is_young(store, commit):
    store.point("run-old", store.head(MAIN))
    commit(store, "run-old", note="never published")
    commit(store, MAIN, note="published")
    store.tag("v1", store.head(MAIN))
    now = datetime.now(UTC)
    kept = free(store, now - timedelta(days=1), runs=True, dry_run=False)
    assert kept.branches == ()
    assert kept.snapshots == 0
    planned = free(store, now, runs=True)
    assert planned.branches == ("run-old",)
    assert store.head("run-old")
    freed = free(store, now, runs=True, dry_run=False)
    assert freed.branches == ("run-old",)
    assert freed.snapshots >= 1
    assert Store(store.root, "set").snapshot("v1").attributes["note"] == "published"
    assert store.first() == store.log()[-1].snapshot


ASIDES = ("declare-0123456789ab", "rebase-0123456789ab", "repair-1ab2cd3ef4gh5jk6mn7p")


def test_garbage_collection_drops_what_processes_that_died_left_behind(store, commit):
    store.tag("v1", store.head(MAIN))
    for name in (*ASIDES, "repair-shop", "run-0123456789ab"):
        store.point(name, store.head(MAIN))  # where one stands that died before its commit
    commit(store, ASIDES[0], note="laid out")
    long_ago = datetime.now(UTC) - timedelta(days=1)
    assert free(store, long_ago).branches == ASIDES
    assert set(ASIDES) <= set(store.branches())
    assert free(store, long_ago, dry_run=False).branches == ASIDES
    assert set(store.branches()) == {MAIN, "repair-shop", "run-0123456789ab"}
    assert free(store, long_ago, runs=True).branches == ()


def test_garbage_collection_leaves_a_repair_that_is_under_way(store):
    for name in ASIDES:
        store.point(name, store.head(MAIN))
    with ThreadPoolExecutor(1) as other, store.lock("repair"):
        freed = other.submit(free, store, datetime.now(UTC), dry_run=False).result()
    assert freed.branches == ASIDES[:2]
    assert ASIDES[2] in store.branches()
