"""A worker whose network is really cut until Dask misses it: the others make its shards."""

import os
from threading import Event, Thread

import numpy as np
import pytest

from benchmarks.faults_run.flawed import FlawedSpec
from benchmarks.faults_run.servers import DaskCluster, cable, may_make_networks, running
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, missing
from factory.store.shards import Layout, windows
from tasks.generation import fill
from tasks.services.dask_cluster import GeneratorPlugin, open_cluster

SPEC, IMAGE = FlawedSpec(pace=0.1), ImageSection(size=32)


def chests():
    generator = SPEC.build(IMAGE)
    section = GridSection(
        facets={"domain": ["phantom-chest-xray"], "finding": ["normal"]}, replicates=64
    )
    grid = PromptGrid(section, generator.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    return Run("a", grid, Layout(32, 32, 1, 4, 4), generator.digest, label_maps, {}, {})


def build():
    return SPEC.build(IMAGE)


@pytest.mark.integration
@pytest.mark.skipif(not may_make_networks(), reason="network namespaces need root")
def test_a_worker_that_is_cut_off_costs_nothing_but_time(tmp_path, monkeypatch):
    # A silent peer counts as lost after this, the least that Dask takes, not after half a minute.
    monkeypatch.setitem(os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP", "12s")
    store, run = Store(str(tmp_path), "set").create(), chests()
    shards = missing(declare(store, run))
    with (
        cable() as line,
        running(cluster := DaskCluster(line.here, [(), line.inside])),
        open_cluster(cluster.environment["MEDPAIR_DASK_ADDRESS"]) as client,
    ):
        client.wait_for_workers(2, timeout=120)

        def workers():
            return len(client.scheduler_info(n_workers=-1)["workers"])

        def cut_until_it_is_missed():
            line.cut()
            while workers() == 2:
                pause.wait(0.2)
            missed.set()
            line.heal()

        pause, missed = Event(), Event()
        cutting = Thread(target=cut_until_it_is_missed)
        plugin = GeneratorPlugin(build, run.generator)
        for number, window in enumerate(windows(shards, 4)):
            if number == 1:
                cutting.start()
            fill(client, plugin, store, run.branch, window, "test")
        cutting.join(60)
        assert missed.is_set()
    pairs = judge(store, run.branch).read(np.arange(64))
    expected = build().phantoms.generate(list(run.grid), [prompt.seed for prompt in run.grid])
    np.testing.assert_array_equal(pairs.images, expected.images)
    commits = [entry.metadata for entry in store.log() if entry.metadata.get("kind") == "pairs"]
    assert sorted(s for each in commits for s in each["shards"]) == list(range(16))
