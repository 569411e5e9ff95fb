"""The pages of Prefect and MLflow, served on this machine alone from what a home holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from factory.errors import InputError
from tasks.services.mlflow_tracking import Tracker
from tasks.services.ports import LOOPBACK, free_port
from tasks.services.progress import stage
from tasks.services.settings import SERVER_STARTUP_SECONDS, Settings

LOOK_SECONDS = 0.5
LEAVE_SECONDS = 20.0  # for a server to end by itself

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Pages:
    """Where the two are.

    Attributes:
        prefect: address of Prefect's pages.
        mlflow: address of MLflow's.
    """

    prefect: str
    mlflow: str


class Serving:
    """The servers that were started for pages, which are shown while they run."""

    def __init__(self, stack: ExitStack, logs: Path) -> None:
        self._stack, self._logs = stack, logs
        self._processes: list[Process] = []

    def start(self, name: str, words: Sequence[str], health: str, **env: str) -> None:
        """Runs a Python module as a server, and waits until it answers at an address.

        Raises:
            InputError: if it does not.
        """
        log = self._logs / f"{name.lower()}-pages.log"
        with stage(f"starting the pages of {name}"):
            self._processes.append(self._stack.enter_context(_running(words, env, log)))
            if not self._answers(health):
                raise InputError(
                    f"the pages of {name} do not come up: nothing answers at {health}; see {log}, "
                    "or give another port"
                )

    def wait(self) -> None:
        """Waits for Ctrl-C, or for the signal that ends a process.

        Raises:
            InputError: if one of the servers ended by itself.
        """
        try:
            while self._alive():
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            return
        raise InputError(f"one of the servers ended by itself; see the logs in {self._logs}")

    def _alive(self) -> bool:
        return all(process.poll() is None for process in self._processes)

    def _answers(self, address: str) -> bool:
        until = time.monotonic() + SERVER_STARTUP_SECONDS
        while time.monotonic() < until and self._alive():
            try:
                with urllib.request.urlopen(address, timeout=10 * LOOK_SECONDS):
                    return True
            except OSError:
                time.sleep(LOOK_SECONDS)
        return False


@contextmanager
def served(
    settings: Settings, port_prefect: int = 0, port_mlflow: int = 0
) -> Iterator[tuple[Pages, Serving]]:
    """Serves both while the block runs; a server that the settings name is shown as it is.

    Args:
        settings: of the home.
        port_prefect: of Prefect's pages; 0 for any that is free.
        port_mlflow: of MLflow's.

    Raises:
        InputError: if a port is taken, or a server does not come up.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # a script's shell may have one ignored
        signal.signal(number, signal.default_int_handler)
    ports = (free_port(port_prefect, "--port-prefect"), free_port(port_mlflow, "--port-mlflow"))
    with ExitStack() as stack:
        serving = Serving(stack, settings.home)
        prefect = _prefect(serving, ports[0])
        yield Pages(prefect, _mlflow(serving, ports[1], settings)), serving


def _prefect(serving: Serving, port: int) -> str:
    if named := os.environ.get("PREFECT_API_URL"):
        return named.removesuffix("/api")
    address = f"http://{LOOPBACK}:{port}"
    words = ("prefect", "server", "start", "--host", LOOPBACK, "--port", str(port))
    # Without this address the pages ask port 4200, wherever they are served.
    api = f"{address}/api"
    serving.start("Prefect", words, f"{api}/health", PREFECT_SERVER_UI_API_URL=api)
    return address


def _mlflow(serving: Serving, port: int, settings: Settings) -> str:
    if settings.mlflow.startswith("http"):
        return settings.mlflow
    Tracker.of(settings)  # of a home that was moved, the places of its files are mended here
    address = f"http://{LOOPBACK}:{port}"
    words = ("mlflow", "server")
    where = ("--host", LOOPBACK, "--port", str(port), "--workers", "1")
    # Jobs of MLflow's own, of which this has none, would take seven processes more.
    given = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # Not in the command, which everybody on this machine can read: it may hold a password.
    given["MLFLOW_BACKEND_STORE_URI"] = settings.mlflow
    serving.start("MLflow", (*words, *where), f"{address}/health", **given)
    return address


@contextmanager
def _running(words: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[Process]:
    """A Python module that runs as a server while the block does, in a session of its own."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(LEAVE_SECONDS)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
