"""Publishing on real stores and lakes: gates, numbers, moved bases, and death at every step."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store.repository import MAIN, Store
from factory.store.runs import Run, declare, judge, make, merge, missing, rebase
from factory.store.shards import Layout
from tasks import publishing
from tasks.publishing import STEPS, BaseMovedError, announce_once, decide, publish

GENERATOR = PhantomGenerator(ImageSection(size=32))
OPEN = {"consistency": ">= 0.9"}


def audited(store, name="a", finding="normal", generator=GENERATOR.digest):
    """A run of two chest phantoms, made and judged; returns the run and the snapshot's id."""
    section = GridSection(
        facets={"domain": ["phantom-chest-xray"], "finding": [finding]}, replicates=2
    )
    grid = PromptGrid(section, GENERATOR.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    run = Run(name, grid, Layout(32, 32, 1, 4, 4), generator, label_maps, {}, {})
    shards = missing(declare(store, run))
    if shards:
        session = store.writable(run.branch)
        merge(session, [make(GENERATOR.generate, session.fork(), shard) for shard in shards])
        store.commit(session, "pairs", {"kind": "pairs"})
    return run, judge(store, run.branch).id


TERMS = "terms"


def about(snapshot):
    return ScoreKey(snapshot, "real", "judge", "set")


def scored(store, lake, snapshot, value=0.95):
    score = Score.of("consistency", Estimate(value, value, value, 2))
    lake.record(about(snapshot), [score])
    lake.record_scoring(about(snapshot), TERMS, snapshot, [score])
    return decide.fn(store, lake, about(snapshot), TERMS, OPEN)


def released(store, lake, snapshot):
    return publish.fn(store, lake, snapshot, scored(store, lake, snapshot))


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "pairs"), "set").create()


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def events(lake):
    rows = lake.versions("set")
    return list(zip(rows["number"], rows["event"], rows["snapshot"], strict=True))


def test_a_passing_version_gets_a_number_a_tag_and_main(store, lake):
    _, snapshot = audited(store)
    release = released(store, lake, snapshot)
    assert release.tag == "v1"
    assert store.tags() == {"v1": snapshot}
    assert store.head(MAIN) == snapshot
    assert events(lake) == [(1, "allotted", snapshot), (1, "published", snapshot)]


def test_publishing_again_changes_nothing(store, lake):
    _, snapshot = audited(store)
    released(store, lake, snapshot)
    before = events(lake), store.tags(), store.branches()
    assert released(store, lake, snapshot).tag == "v1"
    assert (events(lake), store.tags(), store.branches()) == before


def test_a_version_is_announced_once_and_after_a_crash_by_the_next_run(store, lake, monkeypatch):
    _, snapshot = audited(store)
    release = released(store, lake, snapshot)
    told, reached = [], [False, True, True]

    def announce(*version):
        told.append(version)
        return reached[len(told) - 1]

    monkeypatch.setattr(publishing, "announce", announce)
    assert [announce_once(store, lake, release) for _ in range(4)] == [True, True, False, False]
    assert told == [("set", "v1", snapshot)] * 2
    assert events(lake)[-1] == (1, "announced", snapshot)


def test_a_failed_gate_leaves_main_alone_and_says_by_how_much(store, lake):
    _, snapshot = audited(store)
    main = store.head(MAIN)
    decision = scored(store, lake, snapshot, 0.85)
    with pytest.raises(ValueError, match=r"consistency = 0.85 misses >= 0.9 by 0.05"):
        publish.fn(store, lake, snapshot, decision)
    assert store.head(MAIN) == main
    assert store.tags() == {}
    (row,) = lake.read("decisions").to_dict("records")
    assert (row["snapshot"], row["passed"]) == (snapshot, False)
    assert (row["reference"], row["judge"], row["run"]) == ("real", "judge", "a")
    # The next run gets the number that this one never got.
    _, other = audited(store, "b", "pneumonia")
    assert released(store, lake, other).tag == "v1"


def test_an_unmeasured_gate_stays_shut(store, lake):
    _, snapshot = audited(store)
    decision = decide.fn(store, lake, about(snapshot), TERMS, OPEN)
    assert "consistency has no score" in decision.failures[0]


@pytest.mark.parametrize("other", [{"judge": "lenient"}, {"reference": "easier"}])
def test_another_judge_or_other_real_data_open_no_gate(store, lake, other):
    _, snapshot = audited(store)
    elsewhere = replace(about(snapshot), **other)
    score = Score.of("consistency", Estimate(0.99, 0.99, 0.99, 2))
    lake.record(elsewhere, [score])
    lake.record_scoring(elsewhere, TERMS, snapshot, [score])
    assert decide.fn(store, lake, elsewhere, TERMS, OPEN).passed
    assert not scored(store, lake, snapshot, 0.5).passed
    # The lenient judge spoke last; the other's decision still rests on the other's scores.
    lake.record(elsewhere, [score])
    assert not decide.fn(store, lake, about(snapshot), TERMS, OPEN).passed
    assert len(lake.read("decisions")) == 2


def test_a_run_whose_base_moved_is_rebased_and_judged_again(store, lake):
    _, first = audited(store, "a")
    run, second = audited(store, "b", "pneumonia")  # began while nothing was published
    released(store, lake, first)
    with pytest.raises(BaseMovedError, match="would drop what came between"):
        released(store, lake, second)
    assert store.head(MAIN) == first
    assert "v2" not in store.tags()
    rebase(store, run)
    again = judge(store, run.branch)
    assert released(store, lake, again.id).tag == "v2"
    assert store.head(MAIN) == again.id
    assert set(again.read().facets["finding"]) == {"pneumonia"}
    assert set(store.snapshot("v1").read().facets["finding"]) == {"normal"}


def test_an_older_version_published_again_does_not_take_main_back(store, lake):
    _, first = audited(store, "a")
    released(store, lake, first)
    _, second = audited(store, "b", "pneumonia")
    released(store, lake, second)
    assert released(store, lake, first).tag == "v1"
    assert store.head(MAIN) == second


def test_another_generator_replaces_what_main_holds(store, lake):
    _, first = audited(store, "a")
    released(store, lake, first)
    _, second = audited(store, "b", generator="another")
    assert released(store, lake, second).tag == "v2"
    assert len(store.snapshot()) == 2


def test_a_lost_lake_does_not_reuse_the_numbers_of_tags(store, lake, tmp_path):
    _, first = audited(store, "a")
    released(store, lake, first)
    _, second = audited(store, "b", "pneumonia")
    new = Lake(str(tmp_path / "new lake"))
    assert released(store, new, second).tag == "v2"
    assert released(store, new, first).tag == "v1"


class Died(BaseException):
    """What stands for the end of the process."""


def die(store, lake, release):
    raise Died


@pytest.mark.parametrize("survived", range(len(STEPS) + 1))
def test_a_driver_that_dies_between_two_steps_is_followed_by_one_that_gets_there(
    store, lake, monkeypatch, survived
):
    _, snapshot = audited(store)
    monkeypatch.setattr(publishing, "STEPS", (*STEPS[:survived], die))
    with pytest.raises(Died):
        released(store, lake, snapshot)
    monkeypatch.undo()
    assert released(store, lake, snapshot).tag == "v1"
    assert store.tags() == {"v1": snapshot}
    assert store.head(MAIN) == snapshot
    assert events(lake) == [(1, "allotted", snapshot), (1, "published", snapshot)]


@pytest.mark.parametrize("survived", range(len(STEPS) + 1))
def test_another_run_published_after_a_death_loses_nothing(store, lake, monkeypatch, survived):
    _, first = audited(store, "a")
    run, second = audited(store, "b", "pneumonia")
    monkeypatch.setattr(publishing, "STEPS", (*STEPS[:survived], die))
    with pytest.raises(Died):
        released(store, lake, first)
    monkeypatch.undo()
    try:
        other = released(store, lake, second)
    except BaseMovedError:
        rebase(store, run)
        other = released(store, lake, judge(store, run.branch).id)
    published = [(tag, snapshot) for tag, event, snapshot in events(lake) if event == "published"]
    assert (other.number, other.snapshot) in published
    assert store.head(MAIN) == other.snapshot
    # Whatever was ever main is a version that the lake knows.
    heads = {entry.snapshot for entry in store.log()} & set(store.tags().values())
    assert {snapshot for _, snapshot in published} <= heads
    assert ((1, first) in published) == (survived >= 5)


@pytest.mark.integration
@pytest.mark.parametrize("survived", range(1, len(STEPS) + 1))
def test_a_driver_killed_in_the_lock_frees_it(store, lake, survived):
    _, snapshot = audited(store)
    decision = scored(store, lake, snapshot)
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from evaluation.lake.lake import Lake
from factory.store.repository import Store
from tasks.publishing import STEPS, Release
store, lake = Store({store.root!r}, "set"), Lake({lake.uri!r})
attributes = store.snapshot({snapshot!r}).attributes
release = Release(attributes["run"], {snapshot!r}, attributes["base"])
with store.lock():
    for step in STEPS[:{survived}]:
        release = step(store, lake, release)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert publish.fn(store, lake, snapshot, decision).tag == "v1"
    assert store.head(MAIN) == snapshot
    assert events(lake) == [(1, "allotted", snapshot), (1, "published", snapshot)]
