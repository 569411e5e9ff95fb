"""The faults: where each is done, at which moments, and what does it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event

import psutil

from benchmarks.faults_run.disks import disk
from benchmarks.faults_run.servers import DaskCluster, PrefectServer, cable, running
from benchmarks.faults_run.starts import LOOK_MS, MOMENTS, Start
from tasks.services.ports import LOOPBACK

WORKERS = {"MEDPAIR_WORKERS": "2"}
BETWEEN_CTRL_C = 0.3  # seconds
CUTS = (3, 45)  # seconds: shorter and longer than Dask waits for a silent worker
DISK_MEGABYTES = 48
MAKING = ("shard", "commit", "second window")


@dataclass(frozen=True)
class Place:
    """What all schedules share.

    Attributes:
        empty: a home in which no data set was made yet, to copy.
        folder: for the files of one schedule.
        server: Prefect's, which serves all that need none of their own.
    """

    empty: Path
    folder: Path
    server: PrefectServer

    @property
    def home(self) -> Path:
        """The home of the schedule."""
        return self.folder / "home"

    def furnish(self) -> None:
        """Makes the home, from the empty one."""
        shutil.copytree(self.empty, self.home, dirs_exist_ok=True)


@dataclass(frozen=True)
class Scene:
    """A home, with what its commands are told and what happens to them.

    Attributes:
        environment: of the commands.
        strike: does the fault to a command that is at the moment.
        mend: does what a user does before the command is started again.
    """

    environment: Mapping[str, str]
    strike: Callable[[Start], None]
    mend: Callable[[], None] = lambda: None


Opened = Callable[[Place, Random], AbstractContextManager[Scene]]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        opened: gives the scene in which it is done.
        moments: at which it may strike, in the order in which they come.
        most: times in one schedule.
        endured: whether the command it is done to goes on by itself.
    """

    opened: Opened
    moments: tuple[str, ...]
    most: int = 1
    endured: bool = False


def _plain(strike: Callable[[Start, Random], None], *, embedded: bool = False) -> Opened:
    """A home with local workers, and the server that all share or one of its own within."""

    @contextmanager
    def opened(place: Place, draw: Random) -> Iterator[Scene]:
        place.furnish()
        server = {} if embedded else place.server.environment
        yield Scene({**WORKERS, **server}, lambda start: strike(start, draw))

    return opened


def kill_worker(start: Start, draw: Random) -> None:
    """Kills one of the processes that make pairs, once there is one: it may have been killed just now."""
    while not (workers := start.children("spawn_main")) and start.process.poll() is None:
        Event().wait(LOOK_MS / 1000)
    with suppress(psutil.Error, IndexError):
        draw.choice(workers).kill()


def kill_driver(start: Start, _draw: Random) -> None:
    """Kills the command itself."""
    start.process.kill()


def kill_embedded(start: Start, _draw: Random) -> None:
    """Kills the Prefect server that the command started."""
    for process in start.children("prefect.server.api.server"):
        process.kill()


def ctrl_c(start: Start, _draw: Random) -> None:
    """Presses Ctrl-C."""
    start.interrupt()


def ctrl_c_twice(start: Start, _draw: Random) -> None:
    """Presses Ctrl-C, and again before the command has ended."""
    start.interrupt()
    Event().wait(BETWEEN_CTRL_C)
    start.interrupt()


@contextmanager
def standing_server(place: Place, _draw: Random) -> Iterator[Scene]:
    """A Prefect server of one's own, which is killed and started again."""
    place.furnish()
    server = PrefectServer(place.folder / "prefect")

    def strike(_start: Start) -> None:
        server.kill()
        server.start()

    with running(server):
        yield Scene({**WORKERS, **server.environment}, strike)


@contextmanager
def lost_scheduler(place: Place, _draw: Random) -> Iterator[Scene]:
    """A Dask cluster whose scheduler is killed; whoever runs it starts all of it again."""
    place.furnish()
    cluster = DaskCluster(LOOPBACK, [(), ()])

    def mend() -> None:
        cluster.kill()
        cluster.start()

    with running(cluster):
        environment = {**cluster.environment, **place.server.environment}
        yield Scene(environment, lambda _start: cluster.kill_scheduler(), mend)


@contextmanager
def cut_network(place: Place, draw: Random) -> Iterator[Scene]:
    """A Dask cluster, one of whose two workers is cut off and comes back."""
    place.furnish()
    with cable() as line, running(cluster := DaskCluster(line.here, [(), line.inside])):

        def strike(_start: Start) -> None:
            line.cut()
            Event().wait(draw.choice(CUTS))
            line.heal()

        yield Scene({**cluster.environment, **place.server.environment}, strike)


def _full_disk(part: str) -> Opened:
    """A home, or a part of it, on a disk that fills up and is enlarged."""

    @contextmanager
    def opened(place: Place, _draw: Random) -> Iterator[Scene]:
        with disk(place.home / part, DISK_MEGABYTES) as small:
            place.furnish()
            environment = {**WORKERS, **place.server.environment}
            yield Scene(environment, lambda _start: small.fill(), small.enlarge)

    return opened


ANY = tuple(MOMENTS)
FAULTS: Mapping[str, Fault] = {
    "worker killed": Fault(_plain(kill_worker), MAKING, 3, endured=True),
    "driver killed": Fault(_plain(kill_driver), ANY, 4),
    "driver with its server killed": Fault(_plain(kill_driver, embedded=True), ANY, 2),
    "Ctrl-C": Fault(_plain(ctrl_c), ANY, 3),
    "Ctrl-C twice": Fault(_plain(ctrl_c_twice), ANY, 3),
    "embedded Prefect server killed": Fault(
        _plain(kill_embedded, embedded=True), ANY[1:], endured=True
    ),
    "standing Prefect server killed and restarted": Fault(
        standing_server, ANY[1:], endured=True
    ),
    "Dask scheduler lost": Fault(lost_scheduler, MAKING, 2),
    "network to a worker cut and healed": Fault(cut_network, MAKING, endured=True),
    "disk of the home full": Fault(_full_disk(""), ANY, 2),
    "disk of the pairs full": Fault(_full_disk("pairs"), ("declared", *MAKING, "scores"), 2),
    "disk of the lake full": Fault(_full_disk("lake"), ("scoring", "scores"), 2),
}  # fmt: skip
