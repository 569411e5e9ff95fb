"""One job at a time, in a thread of its own: how far it is, how fast, what went wrong, and its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

import evaluation.errors
from factory.errors import InputError

Steps = Callable[[], Iterator[None]]  # yields after each unit that is done
INPUT_ERRORS = (InputError, evaluation.errors.InputError)


@dataclass(eq=False)
class Job:
    """Work that is under way, or was.

    Attributes:
        title: what is done.
        total: number of units.
        done: units finished so far.
        problem: what went wrong, in a line; "" where nothing did.
        seconds: since it began, until it ended.
    """

    title: str
    total: int
    done: int = 0
    problem: str = ""
    ended: Event = field(default_factory=Event)
    cancelled: Event = field(default_factory=Event)
    _began: float = field(default_factory=time.monotonic)
    _lasted: float = 0.0
    _first: float = 0.0  # seconds until one unit was done

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return not self.ended.is_set()

    @property
    def seconds(self) -> float:
        """Since it began, until it ended."""
        return time.monotonic() - self._began if self.running else self._lasted

    @property
    def words(self) -> str:
        """How it stands, in a sentence for people."""
        if self.problem:
            return f"{self.title}: {self.problem}"
        counted = f"{self.title}: {self.done} of {self.total}"
        if not self.running:
            end = "cancelled" if self.cancelled.is_set() else "done"
            return f"{counted}, {end} in {self.seconds:.0f} s"
        if self.cancelled.is_set():
            return f"{counted}, stopping after the one at hand"
        return counted + self._rate()

    def _rate(self) -> str:
        # The first unit also waited until the weights were read.
        if self.done < 2:
            return ""
        each = (self.seconds - self._first) / (self.done - 1)
        return f", {each:.1f} s each, about {each * (self.total - self.done):.0f} s left"

    def run(self, steps: Steps) -> None:
        """Works until all is done, it is cancelled or something goes wrong."""
        try:
            for _ in steps():
                self._first = self._first or self.seconds
                self.done += 1
                if self.cancelled.is_set():
                    break
        except INPUT_ERRORS as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001  # a thread's last resort: the page tells it
            self.problem = f"{type(error).__name__}: {error}"
        finally:
            self._lasted = self.seconds
            self.ended.set()


class Worker:
    """Does one job after the other; refuses a second one meanwhile.

    Attributes:
        job: the newest; None before the first.
    """

    def __init__(self) -> None:
        self.job: Job | None = None
        self._lock = Lock()

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self.job is not None and self.job.running

    def start(self, title: str, total: int, steps: Steps) -> Job:
        """Starts a job.

        Args:
            title: what is done.
            total: number of units.
            steps: the work.

        Raises:
            InputError: if another job is under way.
        """
        with self._lock:
            if self.job is not None and self.job.running:
                raise InputError(
                    f"one thing at a time, and this is under way: {self.job.words}; wait or cancel it"
                )
            self.job = job = Job(title, total)
        Thread(target=job.run, args=(steps,), name="studio-job", daemon=True).start()
        return job

    def cancel(self) -> None:
        """Stops the job after the unit at hand; nothing where none is under way."""
        if self.job is not None:
            self.job.cancelled.set()
