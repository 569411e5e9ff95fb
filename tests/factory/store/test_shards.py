"""Shards tile the rows and share no chunk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.store.shards import Layout, Status, chunk_for, cut, finished, windows


@given(st.integers(0, 5000), st.integers(1, 8), st.sampled_from([16, 32, 64]))
def test_shards_tile_the_rows_and_start_on_chunk_edges(count, chunks, chunk):
    shards = cut(count, chunks * chunk)
    assert [row for shard in shards for row in range(count)[shard.rows]] == list(range(count))
    assert all(shard.start % chunk == 0 for shard in shards)
    assert [shard.index for shard in shards] == list(range(len(shards)))


def test_a_shard_that_would_share_a_chunk_is_refused():
    with pytest.raises(ValueError, match="shard=100 is not a multiple of chunk=64"):
        Layout(128, 128, 1, chunk=64, shard=100)


def test_a_chunk_holds_one_to_four_megabytes():
    assert chunk_for(128 * 128 * 2) == 64  # 2 MiB
    assert chunk_for(256 * 256 * 2) == 32  # 4 MiB
    assert chunk_for(512 * 512 * 4) == 16  # 16 MiB: the images are large themselves
    assert Layout.of(128, 1, shard=100).shard == 128


def test_shard_size_is_free_to_change_between_runs_but_chunks_are_not():
    layout = Layout(32, 32, 1, chunk=16, shard=32)
    assert layout.same_arrays(Layout(32, 32, 1, chunk=16, shard=64))
    assert not layout.same_arrays(Layout(32, 32, 1, chunk=32, shard=64))


def test_a_shard_with_one_empty_row_is_not_finished():
    status = np.full(10, Status.MADE, np.uint8)
    status[7] = Status.EMPTY
    assert finished(status, shard=4).tolist() == [True, False, True]


def test_windows_keep_the_order():
    shards = cut(100, 10)
    assert [len(window) for window in windows(shards, 4)] == [4, 4, 2]
    assert [shard for window in windows(shards, 4) for shard in window] == shards
