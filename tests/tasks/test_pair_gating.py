"""Gates on single pairs, on a real store and lake: who is rejected, remembered, and let in again."""

import numpy as np
import pytest

from evaluation.lake.lake import Lake
from evaluation.settings import EvaluateSection
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.sources.phantom import PhantomSource
from factory.store.checks import Reason
from factory.store.repository import MAIN, Store
from factory.store.runs import Run, declare, judge, make, merge, missing
from factory.store.shards import Layout, Status
from tasks import pair_gating
from tasks.pair_gating import PairGating, record_rejections, screen
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record, Tracker

IMAGE = ImageSection(size=32)
GENERATOR = PhantomGenerator(IMAGE)
NOWHERE = Record(Tracker("sqlite://"), "set", "none")  # no gate here trains anything


@pytest.fixture(scope="module")
def reference():
    source = PhantomSource(domains=["phantom-chest-xray"], train=6, val=4).build()
    return Reference.of(source, IMAGE)


def made(store, reference, name="a", replicates=4):
    """A run of chest phantoms in which pair 1 is a training image and pair 2 shows nothing."""
    section = GridSection(
        facets={"domain": ["phantom-chest-xray"], "finding": ["normal"]}, replicates=replicates
    )
    grid = PromptGrid(section, GENERATOR.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    run = Run(name, grid, Layout(32, 32, 1, 4, 8), GENERATOR.digest, label_maps, {}, {})

    def generate(prompts, seeds):
        pairs = GENERATOR.generate(prompts, seeds)
        if len(pairs) > 2:
            pairs.images[1] = reference.train.images[3]
            pairs.images[2] = 7
        return pairs

    shards = missing(declare(store, run))
    if shards:
        session = store.writable(run.branch)
        merge(session, [make(generate, session.fork(), shard) for shard in shards])
        store.commit(session, "pairs", {"kind": "pairs"})
    return run.branch


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "pairs"), "set").create()


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def found_in(store, lake, branch, gates, reference):
    gating = PairGating(lake, reference, EvaluateSection(), NOWHERE)
    return screen.fn(store, branch, gates, gating)


def judged(store, lake, branch, gates, reference):
    found = found_in(store, lake, branch, gates, reference)
    snapshot = judge(store, branch, found.reasons)
    record_rejections.fn(lake, snapshot, found.sentences)
    return snapshot


def rejected(lake, snapshot):
    rows = lake.read("rejections", snapshot=snapshot.id).sort_values("row")
    return dict(zip(rows["row"], rows["reason"], strict=True))


COPIES = {"nearest_distance": ">= 0.05"}


def test_a_near_copy_is_rejected_with_its_reason_and_kept(store, lake, reference):
    branch = made(store, reference)
    snapshot = judged(store, lake, branch, COPIES, reference)
    assert snapshot.reason[1] == Reason.NEAR_COPY
    assert snapshot.status[1] == Status.REJECTED
    assert snapshot.reason[2] & Reason.CONSTANT_IMAGE
    told = rejected(lake, snapshot)
    assert set(told) == set(snapshot.rejected())
    assert told[1].startswith("nearest_distance = ")
    assert "misses >= 0.05 by 0.0" in told[1]
    assert told[2].startswith("constant image")
    assert 1 not in snapshot.read().facets["row"].to_numpy()


def test_started_again_it_commits_nothing_and_works_nothing_out(
    store, lake, reference, monkeypatch
):
    branch = made(store, reference)
    first = judged(store, lake, branch, COPIES, reference)
    monkeypatch.setattr(pair_gating, "pair_numbers", None)  # calling it would fail
    again = judged(store, lake, branch, COPIES, reference)
    assert again.id == first.id
    assert rejected(lake, again) == rejected(lake, first)


def test_without_its_gate_a_pair_is_accepted_again(store, lake, reference):
    branch = made(store, reference)
    judged(store, lake, branch, COPIES, reference)
    snapshot = judged(store, lake, branch, {}, reference)
    assert snapshot.status[1] == Status.ACCEPTED
    assert set(rejected(lake, snapshot)) == {2}  # what workers saw stays
    other = judged(store, lake, branch, {"upper_power": "< 0"}, reference)
    assert set(rejected(lake, other)) == {0, 1, 2, 3}
    assert (other.reason & Reason.PAIR_GATE).all()
    assert not (other.reason & Reason.NEAR_COPY).any()


def test_pairs_that_a_version_rejected_are_judged_anew_in_a_larger_grid(store, lake, reference):
    first = judged(store, lake, made(store, reference), COPIES, reference)
    store.move(MAIN, first.id, first.attributes["base"])
    branch = made(store, reference, "b", replicates=6)
    assert judged(store, lake, branch, {}, reference).status[1] == Status.ACCEPTED
    assert judged(store, lake, branch, COPIES, reference).status[1] == Status.REJECTED


def test_died_between_commit_and_lake_the_next_attempt_gets_there(store, lake, reference):
    branch = made(store, reference)
    found = found_in(store, lake, branch, COPIES, reference)
    committed = judge(store, branch, found.reasons)
    assert rejected(lake, committed) == {}
    again = judged(store, lake, branch, COPIES, reference)
    assert again.id == committed.id
    assert set(rejected(lake, again)) == set(np.flatnonzero(found.reasons))
