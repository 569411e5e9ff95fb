"""A disk that is really full, in a shard, a commit, the lake and MLflow: a line, and nothing is lost."""

import os

import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster

from benchmarks.faults_run.disks import disk
from evaluation.lake.lake import Lake
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, make, merge, missing
from factory.store.shards import Layout
from tasks.faults.machine import in_words
from tasks.generation import fill
from tasks.services.dask_cluster import ONE_EACH, GeneratorPlugin, open_cluster
from tasks.services.mlflow_tracking import Tracker
from tasks.services.settings import Settings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk needs root"),
]
PHANTOM = PhantomGenerator(ImageSection(size=32))
MEGABYTES = 16


def chests(count=20):
    section = GridSection(
        facets={"domain": ["phantom-chest-xray"], "finding": ["normal"]}, replicates=count
    )
    grid = PromptGrid(section, PHANTOM.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    return Run("a", grid, Layout(32, 32, 1, 4, 4), "filling", label_maps, {}, {})


@pytest.fixture
def small(tmp_path):
    """A small disk."""
    try:
        with disk(tmp_path / "small", MEGABYTES) as found:
            yield found
    except PermissionError as error:
        pytest.skip(str(error))


@pytest.fixture
def store(small):
    return Store(str(small.folder), "set").create()


def is_complete(store, run):
    """Every pair is there, right, and was committed once."""
    pairs = judge(store, run.branch).read(np.arange(len(run.grid)))
    expected = PHANTOM.generate(list(run.grid), [prompt.seed for prompt in run.grid])
    commits = [entry.metadata for entry in store.log() if entry.metadata.get("kind") == "pairs"]
    shards = sorted(shard for metadata in commits for shard in metadata["shards"])
    return np.array_equal(pairs.images, expected.images) and shards == list(range(5))


def told_in_a_line(work, *args):
    """Whether work fails at a full disk, as the one line says that a user gets."""
    with pytest.raises(Exception) as raised:  # noqa: PT011  # each library has its own
        work(*args)
    return "the disk of the home is full" in in_words(raised.value)


@pytest.fixture
def client():
    local = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        LocalCluster(n_workers=1, resources=ONE_EACH, **local) as cluster,
        open_cluster(cluster.scheduler_address) as client,
    ):
        yield client


def test_a_disk_that_fills_in_a_shard_keeps_what_was_made(small, store, client):
    class Filling:
        """Has something else fill the disk while it makes the third shard, the first time."""

        digest = "filling"

        def generate(self, prompts, seeds):
            if prompts[0].replicate == 8 and not (small.folder / "ballast").exists():
                small.fill()
            return PHANTOM.generate(prompts, seeds)

    run = chests()
    plugin = GeneratorPlugin(Filling, "filling")

    def window(shards):
        fill(client, plugin, store, run.branch, shards, "test")

    shards = missing(declare(store, run))
    window(shards[:2])
    assert told_in_a_line(window, shards[2:])
    kept = store.snapshot(run.branch).shard_done
    assert kept[:2].all()
    assert not kept[2:].any()
    small.enlarge()
    window(shards)
    assert is_complete(store, run)


def test_a_disk_that_is_full_at_a_commit_leaves_the_branch_as_it_was(small, store, client):
    run = chests()
    shards = missing(declare(store, run))
    head, session = store.head(run.branch), store.writable(run.branch)
    forks = [session.fork() for _ in shards]
    merge(session, [make(PHANTOM.generate, *each) for each in zip(forks, shards, strict=True)])
    small.fill()
    assert told_in_a_line(store.commit, session, "5 shards", {"kind": "pairs"})
    assert Store(store.root, "set").head(run.branch) == head
    small.enlarge()
    plugin = GeneratorPlugin(lambda: PHANTOM, PHANTOM.digest)
    fill(client, plugin, store, run.branch, missing(store.snapshot(run.branch)), "test")
    assert is_complete(store, run)


def test_a_disk_that_is_full_at_the_lake_allots_no_number_twice(small):
    lake = Lake(str(small.folder / "lake"))
    assert lake.allot("set", "first", "run") == 1
    small.fill()
    assert told_in_a_line(lake.allot, "set", "second", "run")
    small.enlarge()
    assert lake.allot("set", "second", "run") == 2
    lake.publish("set", 2, "second", "run")
    events = lake.versions("set")[["number", "event"]]
    expected = pd.DataFrame({"number": [1, 2, 2], "event": ["allotted", "allotted", "published"]})
    pd.testing.assert_frame_equal(events.reset_index(drop=True), expected, check_dtype=False)


def test_a_disk_that_is_full_at_mlflow_has_the_same_run_go_on(small):
    settings = Settings(home=small.folder)

    def recorded(step):
        with Tracker.of(settings).run("set", "recipe", "set") as record:
            if step == 1:
                small.fill()
            record.curve([(step, {f"score {n}": float(n) for n in range(500)})])
        return record.id

    first = recorded(0)
    assert told_in_a_line(recorded, 1)
    small.enlarge()
    assert recorded(2) == first
    history = Tracker.of(settings).client.get_metric_history(first, "score 7")
    assert {point.step for point in history} >= {0, 2}
