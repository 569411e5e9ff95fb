"""Fan-out on real workers: made once, resumed after deaths, one committer, twins wait."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from factory.errors import InputError
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, missing
from factory.store.shards import Layout, windows
from factory.store.versions import describe
from tasks.generation import alone, fill, make_pairs
from tasks.services.dask_cluster import ONE_EACH, GeneratorPlugin, open_cluster

ROOT = Path(__file__).resolve().parents[2]
BUILD = partial(PhantomGenerator, ImageSection(size=32))
PHANTOM = BUILD()


def chests(replicates=20, generator=PHANTOM.digest):
    section = GridSection(
        facets={"domain": ["phantom-chest-xray"], "finding": ["normal"]}, replicates=replicates
    )
    grid = PromptGrid(section, PHANTOM.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    return Run("a", grid, Layout(32, 32, 1, 4, 4), generator, label_maps, {}, {})


def fill_all(client, store, run, build=BUILD, size=2):
    """What `make_pairs` does, without Prefect."""
    plugin = GeneratorPlugin(build, run.generator)
    for shards in windows(missing(declare(store, run)), size):
        try:
            fill(client, plugin, store, run.branch, shards, "test")
        finally:
            client.unregister_worker_plugin(plugin.name)
    return store.snapshot(run.branch)


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path), "set").create()


@pytest.fixture(scope="module")
def client():
    local = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        LocalCluster(n_workers=2, resources=ONE_EACH, **local) as cluster,
        open_cluster(cluster.scheduler_address) as client,
    ):
        yield client


class Flaky:
    """The phantom generator, but for prompts of some replicates it raises."""

    digest = "flaky"

    def __init__(self, bad, error):
        self.bad, self.error = bad, error

    def generate(self, prompts, seeds):
        if any(prompt.replicate in self.bad for prompt in prompts):
            raise self.error("replicate is bad")
        return PHANTOM.generate(prompts, seeds)


def test_every_pair_is_made_and_each_window_is_one_commit(store, client):
    run = chests()
    made = fill_all(client, store, run)
    assert made.counts()["made"] == 20
    kinds = [entry.metadata.get("kind") for entry in store.log()]
    assert kinds[:4] == ["pairs", "pairs", "pairs", "declare"]  # 5 shards in windows of 2
    pairs = judge(store, run.branch).read(np.arange(20))
    expected = PHANTOM.generate(list(run.grid), [prompt.seed for prompt in run.grid])
    np.testing.assert_array_equal(pairs.images, expected.images)
    np.testing.assert_array_equal(pairs.masks, expected.masks)


def test_a_second_run_makes_nothing(store, client):
    head = fill_all(client, store, chests()).id
    build = partial(Flaky, {0}, AssertionError)
    assert fill_all(client, store, chests(), build).id == head


def test_one_bad_shard_does_not_cost_the_others_of_its_window(store, client):
    run = chests(generator="flaky")
    with pytest.raises(RuntimeError, match="replicate is bad") as failed:
        fill_all(client, store, run, partial(Flaky, {4, 5, 6, 7}, RuntimeError), size=5)
    assert failed.value.__notes__ == ["while making rows 4 to 7"]
    assert [shard.index for shard in missing(store.snapshot(run.branch))] == [1]


def failed_alone(judged, run, row):
    """One pair is rejected for its generator, and all others are what they would have been."""
    assert judged.rejected().tolist() == [row]
    assert describe(judged)["rejected_for"] == {"generator failed": 1}
    expected = PHANTOM.generate(list(run.grid), [prompt.seed for prompt in run.grid])
    others = np.delete(np.arange(20), row)
    np.testing.assert_array_equal(judged.read(others).images, expected.images[others])


def test_a_prompt_at_which_the_generator_raises_costs_its_own_pair_alone(store, client):
    run = chests(generator="flaky")
    fill_all(client, store, run, partial(Flaky, {5}, RuntimeError), size=5)
    failed_alone(judge(store, run.branch), run, 5)


def test_a_users_mistake_arrives_as_such_from_a_worker(store, client):
    with pytest.raises(InputError, match="replicate is bad"):
        fill_all(client, store, chests(generator="flaky"), partial(Flaky, {0}, InputError))


def test_the_lock_of_a_run_is_free_again_afterwards(store):
    with alone(store, chests()), alone(store, chests()):
        pass
    with alone(store, chests()):
        pass


def deadly(flag):
    """Builds a generator that kills its process once, in the middle of a shard.

    The class is local so that it travels to workers, which cannot import this file, by value.
    """

    class Deadly:
        digest = "deadly"

        def generate(self, prompts, seeds):
            pairs = PhantomGenerator(ImageSection(size=32)).generate(prompts, seeds)
            if any(prompt.replicate == 9 for prompt in prompts) and not Path(flag).exists():
                Path(flag).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return pairs

    return Deadly


def assert_complete(store, run):
    """Every pair is there, right, and was committed by one window only."""
    snapshot = judge(store, run.branch)
    assert snapshot.shard_done.all()
    pairs = snapshot.read(np.arange(len(snapshot)))
    expected = PHANTOM.generate(list(run.grid), [prompt.seed for prompt in run.grid])
    np.testing.assert_array_equal(pairs.images, expected.images)
    np.testing.assert_array_equal(pairs.masks, expected.masks)
    commits = [entry.metadata for entry in store.log() if entry.metadata.get("kind") == "pairs"]
    shards = [shard for metadata in commits for shard in metadata["shards"]]
    assert sorted(shards) == list(range(len(snapshot.shard_done)))


@pytest.mark.integration
def test_a_worker_killed_in_the_middle_of_a_shard_costs_nothing_but_time(store, tmp_path):
    run, flag = chests(generator="deadly"), tmp_path / "killed"
    with open_cluster(workers=2) as client:
        fill_all(client, store, run, deadly(str(flag)), size=5)
    assert flag.exists()
    assert_complete(store, run)


def ending():
    """Builds a generator that ends its process at one prompt, whenever it comes to it."""

    class Ending:
        digest = "ending"

        def generate(self, prompts, seeds):
            if any(prompt.replicate == 9 for prompt in prompts):
                os._exit(1)
            return PhantomGenerator(ImageSection(size=32)).generate(prompts, seeds)

    return Ending


@pytest.mark.integration
def test_a_prompt_at_which_the_worker_ends_costs_its_own_pair_alone(store):
    run = chests(generator="ending")
    with open_cluster(workers=2) as client:
        fill_all(client, store, run, ending(), size=5)
    failed_alone(judge(store, run.branch), run, 9)


def drive(root, flag):
    """A driver of its own: makes the run with workers in this very process."""
    store, run = Store(root, "set"), chests(generator="deadly")
    local = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        LocalCluster(n_workers=1, resources=ONE_EACH, **local) as cluster,
        open_cluster(cluster.scheduler_address) as client,
        alone(store, run),
    ):
        fill_all(client, store, run, deadly(flag), size=1)


def start_driver(store, flag, drive="drive", **options):
    script = f"""
import importlib.util, sys
sys.path.insert(0, {str(ROOT)!r})
spec = importlib.util.spec_from_file_location("windows_of_a_driver", {__file__!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
if __name__ == "__main__":
    module.{drive}({store.root!r}, {str(flag)!r})
"""
    return subprocess.Popen([sys.executable, "-c", script], **options)


@pytest.mark.integration
def test_a_driver_killed_between_commits_is_followed_by_one_that_makes_the_rest(store, tmp_path):
    run, flag = chests(generator="deadly"), tmp_path / "killed"
    assert start_driver(store, flag).wait() == -signal.SIGKILL
    # Replicate 9 lies in shard 2: two windows were committed, and the third never was.
    assert [shard.index for shard in missing(store.snapshot(run.branch))] == [2, 3, 4]
    assert start_driver(store, flag).wait() == 0
    assert_complete(store, run)


@pytest.mark.integration
def test_two_drivers_of_one_run_make_every_pair_once(store, tmp_path):
    flag = tmp_path / "nobody dies"
    flag.touch()
    twins = [start_driver(store, flag) for _ in range(2)]
    assert [twin.wait() for twin in twins] == [0, 0]
    assert_complete(store, chests(generator="deadly"))


def slow(flag):
    """Builds a generator that takes its time, and says when it begins."""

    class Slow:
        digest = "slow"

        def generate(self, prompts, seeds):
            Path(flag).touch()
            time.sleep(1)
            return PhantomGenerator(ImageSection(size=32)).generate(prompts, seeds)

    return Slow


def drive_slowly(root, flag):
    """A driver with two worker processes, all shards in one window."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's shell may have it ignored
    store, run = Store(root, "set"), chests(generator="slow")
    with open_cluster(workers=2) as client:
        fill_all(client, store, run, slow(flag), size=5)


def interrupted(process, flag, times):
    """Sends Ctrl-C as a terminal does, to driver and workers, once a shard is being made."""
    while not flag.exists():
        assert process.poll() is None
        time.sleep(0.05)
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    return process.communicate(timeout=60)[1]


@pytest.mark.integration
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_finishes_and_keeps_the_shards_in_flight_and_twice_stops(
    store, tmp_path, times
):
    run, flag = chests(generator="slow"), tmp_path / "begun"
    declare(store, run)
    process = start_driver(
        store, flag, "drive_slowly", stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    said = interrupted(process, flag, times)
    assert process.returncode
    assert "KeyboardInterrupt" in said
    left = [shard.index for shard in missing(store.snapshot(run.branch))]
    # Of five shards two workers have two each: the one in hand, and the next.
    assert left == ([4] if times == 1 else [0, 1, 2, 3, 4])
    with open_cluster(workers=1) as client:
        fill_all(client, store, run, slow(flag), size=5)
    assert_complete(store, run)


@pytest.mark.integration
def test_windows_run_as_prefect_tasks_that_make_only_what_failed_again(store, client, tmp_path):
    from prefect import flow
    from prefect.testing.utilities import prefect_test_harness

    calls = tmp_path / "calls"

    class FailsOnce:
        digest = "fails once"

        def generate(self, prompts, seeds):
            with calls.open("a") as log:
                log.write(f"{prompts[0].replicate}\n")
            if calls.read_text().split().count("4") in {1, 2}:  # Dask tries a shard twice
                raise RuntimeError("out of memory, say")
            return PHANTOM.generate(prompts, seeds)

    @flow
    def generate():
        return make_pairs(store, chests(generator="fails once"), FailsOnce, client, window=2).id

    with prefect_test_harness(server_startup_timeout=180):
        assert generate() == store.head("run-a")
    assert_complete(store, chests(generator="fails once"))
