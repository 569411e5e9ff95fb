"""How far a stage is: on the terminal, and in Prefect's UI where a task runs under a server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tasks.services.prefect_display.artifacts import Artifact

ARTIFACT_SECONDS = 5.0  # an update is a request to the server


class Display(Protocol):
    """Shows stages, each as a bar, or as a spinner where the total is unknown."""

    def open(self, title: str, total: int | None) -> int:
        """Shows a new stage and gives its number."""

    def move(self, bar: int, done: int, note: str) -> None:
        """Shows how far a stage is; the note says what it is at."""

    def close(self, bar: int) -> None:
        """Leaves a stage as it stands."""


class Silence:
    """The display where nobody looks: workers of a Prefect server, tests."""

    def open(self, title: str, total: int | None) -> int:
        return 0

    def move(self, bar: int, done: int, note: str) -> None:
        pass

    def close(self, bar: int) -> None:
        pass


_display: ContextVar[Display] = ContextVar("display", default=Silence())  # noqa: B039  # stateless


@contextmanager
def shown_on(display: Display) -> Iterator[None]:
    """Shows the stages of this block, and of the flows and tasks called in it, on a display."""
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)


class Stage:
    """One stage that is under way.

    Attributes:
        done: units finished so far.
    """

    def __init__(self, title: str, total: int | None) -> None:
        self.total = total
        self.done = 0
        self._display = _display.get()
        self._bar = self._display.open(title, total)
        self._artifact = _artifact(title) if total else None
        self._told = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Counts finished units; the note says what the stage is at."""
        self.done += count
        self._display.move(self._bar, self.done, note)
        if time.monotonic() - self._told > ARTIFACT_SECONDS:
            self._tell()

    def close(self) -> None:
        """Shows the last state."""
        self._tell()
        self._display.close(self._bar)

    def _tell(self) -> None:
        self._told = time.monotonic()
        if self._artifact is not None and self.total:
            self._artifact.show(min(100.0, 100.0 * self.done / self.total))


@contextmanager
def stage(title: str, total: int | None = None) -> Iterator[Stage]:
    """Shows a stage while the block runs.

    Example: `with stage("making pairs", total=512) as progress: progress.advance(64)`

    Args:
        title: what is being done.
        total: number of units, None where it is not known.
    """
    current = Stage(title, total)
    try:
        yield current
    finally:
        current.close()


def _artifact(title: str) -> Artifact | None:
    # Stages are also shown where no flow runs, and before Prefect, which takes seconds to import.
    if "prefect" not in sys.modules:
        return None
    from prefect.context import TaskRunContext

    from tasks.services.prefect_display.artifacts import Artifact

    if TaskRunContext.get() is None:
        return None
    made = Artifact("progress", title)
    made.show(0.0)
    return made
