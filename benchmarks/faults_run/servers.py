"""What a run may talk to: a Prefect server, a Dask cluster, one of its workers behind a cut cable."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from distributed import Client

from benchmarks.faults_run.root import as_root
from benchmarks.faults_run.starts import ROOT
from tasks.services.dask_cluster import RESOURCE
from tasks.services.ports import LOOPBACK, free_port

PATIENCE = 240  # seconds a server may take to start
BETWEEN_LOOKS = 0.5


@dataclass(eq=False)
class PrefectServer:
    """A standing Prefect server with a database of its own, which can be killed and started again.

    Attributes:
        folder: of its database.
        port: of the loopback address.
        process: of it, while it runs.
    """

    folder: Path
    port: int = field(default_factory=lambda: free_port(0, "port"))
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells a command of it."""
        return {"PREFECT_API_URL": f"http://{LOOPBACK}:{self.port}/api"}

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        words = ["-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(self.port)]
        self.process = background(words, {"PREFECT_HOME": str(self.folder), **self.environment})
        until(self._answers, "Prefect's server")

    def kill(self) -> None:
        """Ends it without a word; it can be started again."""
        if self.process is not None:
            end(self.process)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.environment['PREFECT_API_URL']}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


@dataclass(eq=False)
class DaskCluster:
    """A scheduler and workers, a process each.

    Attributes:
        host: address that the scheduler listens at.
        inside: for each worker the command that puts it somewhere else, () for here.
        protocol: tcp, or tls where `DASK_CONFIG` names certificates.
        port: of the scheduler.
        processes: of all, the scheduler first.
    """

    host: str
    inside: Sequence[Sequence[str]]
    protocol: str = "tcp"
    port: int = field(default_factory=lambda: free_port(0, "port"))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return f"{self.protocol}://{self.host}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells a command of it."""
        return {"MEDPAIR_DASK_ADDRESS": self.address}

    def start(self) -> None:
        """Starts scheduler and workers, and waits for all of them."""
        module = ["-m", "distributed.cli.dask_scheduler", "--dashboard-address", f"{LOOPBACK}:0"]
        listen = ["--protocol", self.protocol, "--host", self.host, "--port", str(self.port)]
        self.processes.append(background([*module, *listen], {}))
        until(self._listens, "Dask's scheduler")
        module = ["-m", "distributed.cli.dask_worker", self.address]
        worker = [*module, "--nthreads", "1", "--no-dashboard"]
        given = ["--resources", f"{RESOURCE}=1", "--local-directory", tempfile.gettempdir()]
        for inside in self.inside:
            self.processes.append(background([*worker, *given], {}, inside))
        # With certificates this process would need the key; a run waits for workers itself.
        if self.protocol == "tcp":
            with Client(self.address, set_as_default=False, timeout=PATIENCE) as client:
                client.wait_for_workers(len(self.inside), timeout=PATIENCE)

    def kill_scheduler(self) -> None:
        """Ends the scheduler without a word."""
        end(self.processes[0])

    def kill(self) -> None:
        """Ends all of it."""
        for process in self.processes:
            end(process)
        self.processes.clear()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


@dataclass(frozen=True)
class Cable:
    """A network namespace, and the pair of interfaces that leads to it from here.

    Attributes:
        name: of the namespace.
        subnet: first three numbers of the addresses.
    """

    name: str
    subnet: str

    @property
    def here(self) -> str:
        """Address of this end."""
        return f"{self.subnet}.1"

    @property
    def inside(self) -> Sequence[str]:
        """The command that runs another at the other end."""
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Nothing gets through any more, and nobody is told."""
        as_root("ip", "link", "set", f"{self.name}a", "down")

    def heal(self) -> None:
        """Everything gets through again."""
        as_root("ip", "link", "set", f"{self.name}a", "up")


@contextmanager
def cable() -> Iterator[Cable]:
    """A namespace with a cable to it, both removed after the block.

    Raises:
        PermissionError: where this process may not make one.
    """
    number = os.getpid() % 200
    made = Cable(f"mpf{number}", f"10.213.{number}")
    if not may_make_networks():
        raise PermissionError("network namespaces need root")
    end_there = f"{made.name}b"
    as_root("ip", "netns", "add", made.name)
    try:
        as_root("ip", "link", "add", f"{made.name}a", "type", "veth", "peer", "name", end_there)
        as_root("ip", "link", "set", end_there, "netns", made.name)
        as_root("ip", "addr", "add", f"{made.here}/24", "dev", f"{made.name}a")
        made.heal()
        for words in (
            ("addr", "add", f"{made.subnet}.2/24", "dev", end_there),
            ("link", "set", end_there, "up"),
            ("link", "set", "lo", "up"),
        ):
            as_root("ip", "-n", made.name, *words)
        yield made
    finally:
        with suppress(OSError):
            as_root("ip", "link", "del", f"{made.name}a")
        as_root("ip", "netns", "del", made.name)


def may_make_networks() -> bool:
    """Whether this process may make network namespaces, and cables between them."""
    words = ["unshare", "--net", "ip", "link", "add", "near", "type", "veth", "peer", "far"]
    try:
        return os.geteuid() == 0 and subprocess.run(words, check=False).returncode == 0
    except OSError:
        return False


def background(
    words: Sequence[str], environment: Mapping[str, str], inside: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Starts Python in a process group of its own, without a word."""
    return subprocess.Popen(
        [*inside, sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=tempfile.gettempdir(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for something that starts.

    Raises:
        TimeoutError: if it does not.
    """
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > PATIENCE:
            raise TimeoutError(f"{what} did not start within {PATIENCE} s")
        time.sleep(BETWEEN_LOOKS)


@contextmanager
def running(server: PrefectServer | DaskCluster) -> Iterator[None]:
    """Starts a server, and ends it after the block."""
    with ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        yield
