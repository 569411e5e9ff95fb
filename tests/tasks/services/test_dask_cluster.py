"""Clusters: by address, of local processes, one per GPU, and refused without the resource."""

import os
import signal
from functools import partial
from threading import Event

import dask
import psutil
import pytest
from distributed import Client, KilledWorker, LocalCluster, get_worker

from factory.errors import InputError
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from tasks.services import dask_cluster
from tasks.services.dask_cluster import (
    ONE_EACH,
    GeneratorPlugin,
    check_workers,
    gpus_here,
    open_cluster,
    reached,
)

BUILD = partial(PhantomGenerator, ImageSection(size=32))
LOCAL = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}


def test_a_cluster_without_the_resource_is_refused_before_anything_waits():
    with (
        LocalCluster(**LOCAL) as bare,
        Client(bare, set_as_default=False) as client,
        pytest.raises(InputError, match='start the workers with --resources "GPU=1"'),
    ):
        check_workers(client)


def test_an_address_where_nobody_answers_is_refused(monkeypatch):
    monkeypatch.setattr(dask_cluster, "WAIT_SECONDS", 0.5)
    refused = pytest.raises(InputError, match="no Dask scheduler with a worker answers at")
    with refused, open_cluster("tcp://127.0.0.1:1"):
        pass


def test_a_running_cluster_is_used_and_left_running():
    with LocalCluster(**LOCAL, resources=ONE_EACH) as running:
        with open_cluster(running.scheduler_address) as client:
            assert client.submit(lambda: 7, resources=ONE_EACH).result() == 7
        assert running.status.name == "running"


def deaf():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.integration
def test_workers_hear_no_ctrl_c_from_their_first_moment_and_the_driver_does():
    with open_cluster(workers=1) as client:
        assert client.submit(deaf, resources=ONE_EACH).result()
        assert not deaf()


def test_the_visible_gpus_are_the_ones_used(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-5f")
    assert gpus_here() == ["2", "GPU-5f"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_here() == []
    assert dask_cluster._environments(None, ["0", "1"])[1] == {"CUDA_VISIBLE_DEVICES": "1"}
    assert dask_cluster._environments(3, ["0"]) == [{}, {}, {}]


def test_a_worker_with_other_weights_refuses_to_take_part():
    plugin = GeneratorPlugin(BUILD, "0" * 64)
    with pytest.raises(RuntimeError, match="give every worker the same code and checkpoint"):
        plugin.generator  # noqa: B018  # the property does the loading


def what_a_worker_is(name):
    """A function that tells it; local, because workers cannot import this file."""

    def told():
        import torch

        generator = get_worker().plugins[name].generator
        threads = os.environ["OMP_NUM_THREADS"], torch.get_num_threads()
        return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"), threads, id(generator)

    return told


@pytest.mark.integration
def test_one_process_per_gpu_each_with_one_thread_and_one_generator():
    plugin = GeneratorPlugin(BUILD, BUILD().digest)
    told = what_a_worker_is(plugin.name)
    with open_cluster(gpus=["0", "1"]) as client:
        check_workers(client)
        client.register_plugin(plugin)
        workers = list(client.scheduler_info(n_workers=-1)["workers"])
        first, second = (
            client.submit(told, workers=[name], pure=False).result() for name in workers
        )
        again = client.submit(told, workers=workers[:1], pure=False).result()
    assert {first[1], second[1]} == {"0", "1"}
    assert first[2] == second[2] == ("1", 1)
    assert first[0] != second[0]
    assert again == first


@pytest.mark.integration
def test_every_listener_of_local_workers_is_on_loopback():
    with open_cluster(workers=2) as client:
        client.wait_for_workers(2)
        me = psutil.Process()
        listening = {
            socket.laddr.ip
            for process in (me, *me.children(recursive=True))
            for socket in process.net_connections("inet")
            if socket.status == psutil.CONN_LISTEN
        }
    assert listening == {"127.0.0.1"}


@pytest.mark.integration
def test_a_worker_that_ends_comes_back_however_long_a_cluster_would_wait_for_it():
    # Dask's own patience, 15 s, is too short for a worker that loads a model on a busy machine.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "50 ms"}),
        open_cluster(workers=1) as client,
    ):
        for _ in range(2):
            with pytest.raises(KilledWorker):
                client.submit(os._exit, 1, pure=False).result()
        assert client.submit(os.getpid, pure=False).result(timeout=60) != os.getpid()


def test_a_cluster_whose_last_worker_has_gone_is_told_once_each_time(monkeypatch, caplog):
    monkeypatch.setattr(dask_cluster, "LOOK_SECONDS", 0.02)

    def told():
        return [line for line in caplog.messages if "no worker is left" in line]

    def waited(times):
        for _ in range(3000):
            if len(told()) == times:
                return
            Event().wait(0.02)
        raise AssertionError(caplog.messages)

    with LocalCluster(**LOCAL) as local, reached(local.scheduler_address):
        for time in (1, 2):
            local.scale(0)
            waited(time)
            local.scale(1)
            local.wait_for_workers(1)
            Event().wait(0.2)  # some looks
    assert len(told()) == 2
    assert local.scheduler_address in told()[0]
