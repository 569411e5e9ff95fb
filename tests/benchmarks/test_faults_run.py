"""The benchmark of faults: its schedules, what it compares, and its disk and its cable, really cut."""

import errno
import os
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.faults_run import figures
from benchmarks.faults_run.disks import disk
from benchmarks.faults_run.faults import FAULTS
from benchmarks.faults_run.published import Published
from benchmarks.faults_run.schedules import PROMPTS, TOGETHER, Outcome, Schedule, drawn
from benchmarks.faults_run.servers import cable, may_make_networks
from benchmarks.faults_run.starts import MOMENTS

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk needs root")


def test_a_seed_draws_the_same_schedules_and_another_one_others():
    assert list(drawn(20, 3)) == list(drawn(20, 3)) != list(drawn(20, 4))


def test_every_fault_comes_once_before_one_comes_again():
    kinds = {*FAULTS, *TOGETHER, *PROMPTS}
    every = Counter(each.fault for each in drawn(2 * len(kinds), 0))
    assert every == dict.fromkeys(kinds, 2)


def test_moments_of_a_schedule_come_in_the_order_of_a_run():
    for schedule in drawn(200, 1):
        order = [list(MOMENTS).index(name) for name in schedule.moments]
        assert order == sorted(set(order))


def test_only_a_fault_that_was_done_and_left_no_trace_counts():
    schedule = Schedule("driver killed", ("shard",), 0)
    good = Outcome(schedule, struck=["shard"], codes=[-9, 0])
    late = Outcome(schedule, codes=[0, 0])
    wrong = Outcome(schedule, struck=["shard"], differences=["arrays v1 image"])
    skipped = Outcome(schedule, struck=["shard"], skipped="needs root")
    found = figures([good, late, wrong, skipped])
    assert found["schedules"].value == 3
    assert found["schedules_identical"].value == 1
    assert found["faults_done"].value == 2


def test_what_is_lost_added_or_changed_is_named():
    before = Published({"v1 image": "a"}, {}, {"v1 published": 1}, {}, {0: 1, 1: 1})
    after = Published({"v1 image": "b"}, {}, {"v1 published": 2}, {}, {0: 1})
    assert after.differences(before) == ["arrays v1 image", "events v1 published", "commits 1"]
    assert after.differences(after) == []


@AS_ROOT
def test_a_disk_is_filled_to_the_last_byte_and_enlarged(tmp_path):
    try:
        with disk(tmp_path / "small", 1) as small:
            (small.folder / "kept").write_text("kept")
            small.fill()
            with pytest.raises(OSError, match="No space left") as full:
                (small.folder / "more").write_bytes(bytes(4096))
            assert full.value.errno == errno.ENOSPC
            small.enlarge()
            (small.folder / "more").write_bytes(bytes(4096))
            assert (small.folder / "kept").read_text() == "kept"
    except PermissionError as error:
        pytest.skip(str(error))


@pytest.mark.skipif(not may_make_networks(), reason="network namespaces need root")
def test_nothing_gets_through_a_cable_that_is_cut():
    def reaches(line):
        script = f"import socket; socket.create_connection(('{line.here}', 9), 1)"
        words = [*line.inside, sys.executable, "-c", script]
        said = subprocess.run(words, capture_output=True, text=True, check=False).stderr
        return "refused" in said  # by this end: nothing listens there

    with cable() as line:
        assert reaches(line)
        line.cut()
        assert not reaches(line)
        line.heal()
        assert reaches(line)
