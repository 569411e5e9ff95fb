"""The repository itself: where it lies, who may commit, what its names mean."""

import pickle
import subprocess
import sys
from threading import Thread

import icechunk
import pytest

from factory.errors import InputError
from factory.identity import digest
from factory.store.repository import MAIN, Store
from factory.store.storage import CACHED_CHUNKS, storage_at


@pytest.fixture
def store(empty):
    return empty


def test_asking_whether_a_data_set_exists_creates_nothing(tmp_path):
    assert not Store(str(tmp_path), "set").exists()
    with pytest.raises(InputError, match="there is no data set 'set'"):
        Store(str(tmp_path), "set").snapshot()
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_whose_making_was_broken_off_is_none_and_can_be_made(tmp_path):
    store = Store(str(tmp_path), "set")
    (tmp_path / "set").mkdir()
    icechunk.Repository.create(storage_at(store.uri))  # and then its process died
    assert not store.exists()
    with pytest.raises(InputError, match="there is no data set 'set'"):
        store.snapshot()
    assert store.create().snapshot().attributes == {"format": 1, "name": "set"}


def test_creating_twice_keeps_what_is_there(store):
    head = store.head(MAIN)
    assert store.create().head(MAIN) == head
    assert store.snapshot().attributes == {"format": 1, "name": "set"}


def test_a_name_that_is_a_path_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a plain name"):
        Store(str(tmp_path), "../set")


@pytest.mark.parametrize("ref", [MAIN, "run-x", "v1"])
def test_a_store_of_a_newer_format_is_refused_by_every_name(store, ref, commit):
    store.point("run-x", store.head(MAIN))
    newer = commit(store, "run-x", format=2)
    store.tag("v1", newer)
    store.move(MAIN, newer, store.head(MAIN))
    with pytest.raises(InputError, match="store format 2 and this release reads up to 1"):
        Store(store.root, "set").snapshot(ref)


def test_an_unknown_version_is_answered_with_the_nearest(store):
    store.tag("v1", store.head(MAIN))
    with pytest.raises(InputError, match="'v11'; nearest: v1"):
        store.snapshot("v11")


@pytest.mark.parametrize("ref", ["v" + "a" * 300, "../set", "v\udcff", "", "a\0b"])
def test_what_no_version_can_be_called_is_unknown_too(store, ref):
    with pytest.raises(InputError, match=r"has no version, branch or snapshot .*; nearest: main"):
        store.snapshot(ref)


def test_reading_before_anything_was_published_says_so(store):
    with pytest.raises(InputError, match="nothing was published yet"):
        store.snapshot().read()


def test_lists_of_chunks_that_stay_in_memory_have_a_bound(store):
    # Icechunk's own is so high that a driver of 300 000 pairs kept every list it had ever written.
    assert store.repository.config.caching.num_chunk_refs == CACHED_CHUNKS


def test_tags_never_move_and_repeating_one_is_nothing(store, commit):
    first = store.head(MAIN)
    store.tag("v1", first)
    store.tag("v1", first)
    second = commit(store, MAIN, note="x")
    with pytest.raises(ValueError, match="tags never move"):
        store.tag("v1", second)
    store.tag("v10", second)
    store.tag("v2", second)
    assert list(store.tags()) == ["v1", "v2", "v10"]


def test_main_moves_only_from_where_it_was_expected(store, commit):
    base = store.head(MAIN)
    store.point("run-x", base)
    store.point("run-y", base)
    x, y = commit(store, "run-x", note="x"), commit(store, "run-y", note="y")
    store.move(MAIN, x, base)
    store.move(MAIN, x, base)
    with pytest.raises(Exception, match="branch update conflict"):
        store.move(MAIN, y, base)
    assert store.head(MAIN) == x


def test_the_log_names_every_snapshot_once_with_its_refs(store, commit):
    commit(store, MAIN, note="x")
    store.tag("v1", store.head(MAIN))
    newest, created, first = store.log()
    assert newest.refs == ("v1", "main")
    assert newest.metadata == {"kind": "test", "description": digest(store.snapshot().attributes)}
    assert created.message == "create"
    assert first.snapshot == store.first()


def test_a_store_travels_to_a_worker_as_two_strings(store):
    assert store.head(MAIN)
    sent = pickle.dumps(store)
    assert len(sent) < 300
    assert pickle.loads(sent).head(MAIN) == store.head(MAIN)


def test_one_thread_holds_the_lock_as_often_as_it_likes_and_others_wait(store, commit):
    order = []
    store.point("run-x", store.head(MAIN))

    def commit_elsewhere():
        commit(store, "run-x", note="thread")
        order.append("thread")

    with store.lock(), store.lock():
        other = Thread(target=commit_elsewhere)
        other.start()
        commit(store, MAIN, note="holder")
        order.append("holder")
    other.join()
    assert order == ["holder", "thread"]


def test_locks_of_an_object_store_lie_where_no_other_account_can_make_them_first(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with Store("s3://bucket/pairs", "set").lock():
        (lock,) = tmp_path.rglob("*.lock")
    assert lock.name == "set.commit.lock"


def test_object_stores_are_uris_in_the_same_setting(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "bucket" in str(storage_at("s3://bucket/pairs/set"))
    assert "bucket" in str(storage_at("gs://bucket/pairs/set"))
    with pytest.raises(InputError, match="scheme 'ftp'"):
        storage_at("ftp://host/pairs")


def test_opening_a_store_writes_nothing_to_standard_error(store):
    command = f"from factory.store.repository import Store; Store({store.root!r}, 'set').snapshot()"
    ran = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
