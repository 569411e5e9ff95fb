"""A command that was started, and the moments of it at which it is hit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from watchfiles import watch

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 1800  # seconds a command may take before it counts as one that hangs
LOOK_MS = 1000  # how often is looked whether a command has ended, where no file changes


@dataclass(frozen=True)
class Moment:
    """When a fault strikes: files of the home, or what a command says.

    Attributes:
        files: a glob below the home; one more than when the command was started.
        says: words on stderr.
    """

    files: str = ""
    says: str = ""


# In the order in which they come. Icechunk writes chunks, then the snapshot, then what names it.
MOMENTS: Mapping[str, Moment] = {
    "declared": Moment(files="pairs/tiny/refs/branch.declare-*"),
    # What is declared has chunks, too.
    "shard": Moment(files="pairs/tiny/chunks/*", says="making pairs"),
    "commit": Moment(files="pairs/tiny/snapshots/*"),
    "second window": Moment(says="making pairs, part 2 of"),
    "judge": Moment(files="models/judges/*"),
    "scoring": Moment(says="scoring 48 pairs"),
    "scores": Moment(files="lake/scores/_delta_log/*"),
    "number": Moment(files="lake/versions/_delta_log/*"),
    "tag": Moment(files="pairs/tiny/refs/tag.*"),
    "report": Moment(says="writing the report"),
}


@dataclass(frozen=True)
class Start:
    """A command of `medpair` that is under way.

    Attributes:
        process: of it, the head of a process group.
        home: that it works in.
        log: what it says on stderr.
    """

    process: subprocess.Popen[bytes]
    home: Path
    log: Path
    before: Mapping[str, int]

    def reaches(self, name: str) -> bool:
        """Waits for a moment; False where the command ends without it."""
        options = {"debounce": 20, "step": 1, "rust_timeout": LOOK_MS, "yield_on_timeout": True}
        for _ in watch(self.home, self.log.parent, watch_filter=None, **options):  # type: ignore[arg-type]
            if self.is_at(name):
                return True
            if self.process.poll() is not None:
                return False
        return False

    def is_at(self, name: str) -> bool:
        """Whether a moment has come."""
        moment = MOMENTS[name]
        there = not moment.files or count(self.home, moment) > self.before[name]
        return there and moment.says in self.said

    @property
    def said(self) -> str:
        """All that it said on stderr so far."""
        return self.log.read_text(errors="replace")

    def ends(self) -> int:
        """Waits for its end and gives its exit code.

        Raises:
            subprocess.TimeoutExpired: if it hangs.
        """
        return self.process.wait(LONGEST)

    def children(self, words: str) -> list[psutil.Process]:
        """The processes below it whose command line holds these words, by their numbers."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if words in " ".join(child.cmdline()):
                    found.append(child)
        return sorted(found, key=lambda child: child.pid)

    def interrupt(self) -> None:
        """Ctrl-C as a terminal sends it: to the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)


def count(home: Path, moment: Moment) -> int:
    """Files of a moment that are there."""
    return sum(1 for _ in home.glob(moment.files)) if moment.files else 0


@contextmanager
def started(
    words: Sequence[str], home: Path, environment: Mapping[str, str], log: Path
) -> Iterator[Start]:
    """Starts a command in a home; when the block is left, nothing of it is left.

    Args:
        words: of the command.
        home: to work in.
        environment: beside that of this process.
        log: where to keep what it says on stderr.
    """
    command = [sys.executable, "-m", "benchmarks.faults_run.command", *words]
    here = {
        name: v for name, v in os.environ.items() if not name.startswith(("MEDPAIR", "PREFECT"))
    }
    given = {**here, "PYTHONPATH": str(ROOT), "MEDPAIR_HOME": str(home), **environment}
    log.parent.mkdir(parents=True, exist_ok=True)
    before = {name: count(home, moment) for name, moment in MOMENTS.items()}
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            env=given,
            cwd=home.parent,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield Start(process, home, log, before)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
