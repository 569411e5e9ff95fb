"""Where shards are made: local Dask processes, one per GPU, or a cluster by its address.

Every worker has one thread, one unit of the resource "GPU" (a processor core stands in for one
where there is none) and its own copy of the generator, loaded once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from functools import cached_property
from logging import CRITICAL, getLogger
from multiprocessing import resource_tracker
from threading import Event, Thread

import dask
import numpy as np
from dask.system import CPU_COUNT
from distributed import Client, Nanny, Scheduler, SpecCluster, WorkerPlugin, get_worker
from distributed.comm import CommClosedError
from distributed.utils import LoopRunner, silence_logging_cmgr

from factory.errors import InputError, first_line
from factory.generators.base import Generator
from factory.store.repository import ForkSession
from factory.store.runs import MadeShard, attempt, make
from factory.store.shards import Shard
from tasks.faults.deadly import ClusterLostError
from tasks.faults.interruption import put_off, unheard

log = getLogger(__name__)

RESOURCE = "GPU"
ONE_EACH = {RESOURCE: 1}
WAIT_SECONDS = 60
LOOK_SECONDS = 60.0  # between two looks at whether there are workers
# Whoever reaches a worker's port can have it run any function: no listener may face the network.
LOOPBACK = "127.0.0.1"
# One thread per worker in the numerical libraries too: two that spin are slower than one.
THREADS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

# Of a local cluster.
CONFIGURED = {
    # A worker that ends is started again by its nanny, however long that takes. A cluster gives up for
    # ever whoever is away 15 s after an end, and once it has no worker left, what was handed out waits for
    # ever.
    "distributed.deploy.lost-worker-timeout": "365 days",
    # Without Dask's MALLOC_TRIM_THRESHOLD_, which has arrays fetched from the system and given back one by
    # one: phantoms took four times as long, pairs of a model a sixth longer.
    "distributed.nanny.pre-spawn-environ": THREADS,
}


class GeneratorPlugin(WorkerPlugin):
    """Gives each worker one generator, loaded when the first shard asks for it.

    Only how to build it travels, never the weights; a worker that Dask restarts loads it again.

    Args:
        build: makes the generator; must be picklable.
        digest: what the built generator must be, so that a worker with other weights is refused.
    """

    def __init__(self, build: Callable[[], Generator], digest: str) -> None:
        self.build = build
        self.digest = digest
        self.name = plugin_name(digest)
        self.idempotent = True  # registering it again keeps the loaded generator

    @cached_property
    def generator(self) -> Generator:
        """The generator of this worker."""
        generator = self.build()
        if generator.digest != self.digest:
            raise RuntimeError(
                f"this worker built generator {generator.digest[:12]} and the run needs "
                f"{self.digest[:12]}: its pairs would not belong together; give every worker the "
                "same code and checkpoint"
            )
        return generator


def plugin_name(digest: str) -> str:
    """Name under which workers keep the generator of this digest."""
    return f"generator-{digest}"


def make_shard(
    fork: ForkSession, shard: Shard, digest: str, spared: Sequence[int] = ()
) -> MadeShard:
    """What a worker does: makes a shard with its own generator and returns the receipt.

    Args:
        fork: to write through.
        shard: which one.
        digest: of the generator.
        spared: rows that end a worker, and are rejected untried.
    """
    return make(_generator(digest).generate, fork, shard, spared)


def attempt_rows(fork: ForkSession, rows: Sequence[int], digest: str) -> None:
    """What a worker does where one ended at a shard: makes some rows of it, or ends as well."""
    attempt(_generator(digest).generate, fork, np.array(rows, np.int64))


def _generator(digest: str) -> Generator:
    plugin: GeneratorPlugin = get_worker().plugins[plugin_name(digest)]
    return plugin.generator


@contextmanager
def open_cluster(
    address: str | None = None, workers: int | None = None, gpus: Sequence[str] | None = None
) -> Iterator[Client]:
    """A client of a cluster whose workers can take shards.

    Args:
        address: of a running scheduler; nothing is started then.
        workers: local worker processes that share what GPU there is. If None, one per GPU; where
            there is none, one per processor core.
        gpus: values of CUDA_VISIBLE_DEVICES, one worker each, instead of those found here.

    Raises:
        InputError: if no scheduler answers, or no worker offers the resource.
    """
    if address is not None:
        with silence_logging_cmgr(CRITICAL), _connect(address) as client:
            check_workers(client)
            yield client
        return
    devices = _environments(workers, gpus_here() if gpus is None else gpus)
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(CONFIGURED))
        runner = stack.enter_context(deaf_loop())
        with put_off():  # half a cluster is not closed in silence
            cluster = stack.enter_context(local_cluster(devices, runner))
        yield stack.enter_context(Client(cluster, set_as_default=False))


@contextmanager
def reached(address: str) -> Iterator[Client]:
    """A client of a scheduler that was there a moment ago.

    Raises:
        ClusterLostError: if it does not answer, or is lost while the block works with it.
    """
    try:
        client = Client(address, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise _lost(address, error) from error
    # Of a lost scheduler Dask's client logs tracebacks for a minute; what it comes to is raised.
    with silence_logging_cmgr(CRITICAL), client, _absence_told(client):
        try:
            yield client
        except (CommClosedError, CancelledError) as error:
            raise _lost(address, error) from error


@contextmanager
def _absence_told(client: Client) -> Iterator[None]:
    """Says when a cluster has been without any worker for a while: Dask waits for one in silence."""
    ended = Event()

    def look() -> None:
        absent = False
        while not ended.wait(LOOK_SECONDS):
            try:
                was, absent = absent, not client.nthreads()
            except (OSError, RuntimeError, CancelledError):
                return  # the scheduler is gone, which the block is told
            if absent and not was:
                log.warning(
                    "no worker is left at the Dask scheduler %s, and shards wait for one: start workers, or stop "
                    "with Ctrl-C; what was committed is kept",
                    client.scheduler.address,
                )

    Thread(target=look, name="absent-workers", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _lost(address: str, error: Exception) -> ClusterLostError:
    return ClusterLostError(
        f"the Dask scheduler at {address}, or one of its workers, cannot be reached any more "
        f"({first_line(error)}): see that they run; what was committed is kept, and the same command goes on"
    )


@contextmanager
def deaf_loop() -> Iterator[LoopRunner]:
    """A loop in a thread whose processes hear no Ctrl-C: the driver decides what becomes of shards."""
    resource_tracker.ensure_running()  # whoever starts it later hears again
    runner = LoopRunner()
    with unheard():
        runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def local_cluster(environments: Sequence[Mapping[str, str]], runner: LoopRunner) -> SpecCluster:
    """One single-threaded worker process, watched by a nanny, for each of these environments.

    A shard at which a worker ends is given back at once: whoever handed it out looks for the prompt.

    Unlike dask-cuda, whose releases ask for another Dask, this needs nothing but Dask. Workers log
    nothing: what goes wrong in a shard reaches the driver as the exception it is.
    """
    local = {"host": LOOPBACK, "dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
    worker = {"nthreads": 1, "resources": ONE_EACH, "memory_limit": 0, "silence_logs": CRITICAL}
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": {"port": 0, "allowed_failures": 0, **local}},
        workers={
            f"worker-{number}": {
                "cls": Nanny,
                "options": {**worker, **local, "env": {**THREADS, **environment}},
            }
            for number, environment in enumerate(environments)
        },
        silence_logs=CRITICAL,
        loop=runner.loop,
    )


def gpus_here() -> list[str]:
    """The GPUs this process may use, as values of CUDA_VISIBLE_DEVICES."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu for gpu in visible.split(",") if gpu]
    import torch  # here, because workers import this module and may draw pairs without torch

    return [str(number) for number in range(torch.cuda.device_count())]


def worker_count(workers: int | None = None) -> int:
    """How many local workers `open_cluster` would start."""
    return len(_environments(workers, gpus_here()))


def _environments(workers: int | None, gpus: Sequence[str]) -> list[dict[str, str]]:
    if workers is None and gpus:
        return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus]
    return [{} for _ in range(workers or CPU_COUNT)]


def check_workers(client: Client) -> None:
    """Refuses a cluster none of whose workers would ever take a shard.

    Raises:
        InputError: Dask itself would leave the shards pending for ever, without a word.
    """
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not any(worker["resources"].get(RESOURCE, 0) >= 1 for worker in workers.values()):
        raise InputError(
            f"none of the {len(workers)} Dask workers at {client.scheduler.address} offers the "
            f"resource {RESOURCE}, so no shard would ever start; start the workers with "
            f'--resources "{RESOURCE}=1"'
        )


def _connect(address: str) -> Client:
    try:
        client = Client(address, set_as_default=False, timeout=WAIT_SECONDS)
        client.wait_for_workers(1, timeout=WAIT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler with a worker answers at {address} within {WAIT_SECONDS} s: "
            "start one, or unset MEDPAIR_DASK_ADDRESS to use local processes"
        ) from error
    except TypeError as error:  # what Dask says of an address that needs a key, where it has none
        raise InputError(
            f"the Dask scheduler at {address} asks for a certificate, and Dask has none here: name "
            "the file that says where yours lies in DASK_CONFIG"
        ) from error
    return client
