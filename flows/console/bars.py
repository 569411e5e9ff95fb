"""Stages as bars on a terminal; in a log, or piped, a line for each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LOG_SECONDS = 300.0  # between two lines about one long stage in a log
BAR = 8  # columns of a bar
MEASURES = 48  # columns of spinner, bar, share, count, rate and time
SHORTEST = 16  # columns of a title
NOTED = 110  # columns from which there is room for a note
KEPT = 6  # finished stages that stay on the terminal


class Share(ProgressColumn):
    """Per cent and count; nothing where the length is unknown."""

    def render(self, task: Task) -> Text:
        """Called by rich."""
        if not task.total:
            return Text("")
        count = MofNCompleteColumn().render(task).plain.strip()
        return Text(f"{task.percentage:3.0f}% {count}", style="progress.percentage")


class Rate(ProgressColumn):
    """Units per second, or seconds per unit where these are more than one."""

    def render(self, task: Task) -> Text:
        """Called by rich."""
        speed = task.finished_speed or task.speed
        if not task.total or not speed:
            return Text("")
        per_second = f"{speed:.0f}/s" if speed >= 100 else f"{speed:.3g}/s"
        return Text(per_second if speed >= 1 else f"{1 / speed:.3g} s each", style="dim")


class Clock(ProgressColumn):
    """Time that is left; time that was spent where nobody knows, or it is through."""

    def render(self, task: Task) -> Text:
        """Called by rich."""
        known = task.total and not task.finished and task.time_remaining is not None
        return (TimeRemainingColumn() if known else TimeElapsedColumn()).render(task)


def shortened(text: str, columns: int) -> str:
    """The text, cut in the middle where it is longer: both ends say which one it is."""
    if len(text) <= columns:
        return text
    first = (columns - 1) // 2
    return f"{text[:first]}…{text[first + 1 - columns :]}"


class Bars:
    """Shows stages as bars on stderr; on a terminal they move, in a log they are lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._logged_at = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR),
            Share(),
            Rate(),
            Clock(),
            *([TextColumn("{task.fields[note]}")] if console.width >= NOTED else []),
            console=console,
            disable=not console.is_terminal,
        )

    def open(self, title: str, total: int | None) -> int:
        """Shows a new stage."""
        self._log(f"{title} …")
        room = max(self._console.width - MEASURES, SHORTEST)
        shown = shortened(title, room) if self._console.is_terminal else title
        return int(self._progress.add_task(shown, total=total, note=""))

    def move(self, bar: int, done: int, note: str) -> None:
        """Moves a bar."""
        self._progress.update(TaskID(bar), completed=done, note=note)
        task = self._progress.tasks[bar]
        if time.monotonic() - self._logged_at > LOG_SECONDS and task.total:
            self._log(f"{task.description}: {done} of {task.total:.0f} {note}".rstrip())

    def close(self, bar: int) -> None:
        """Stops the clock of a stage; its bar stays for a while, full if its length was unknown."""
        if self._progress.tasks[bar].total is None:
            self._progress.update(TaskID(bar), total=1, completed=1)
        self._progress.stop_task(TaskID(bar))
        self._make_room()

    def _make_room(self) -> None:
        # What is under way must not be pushed off the terminal by what is through.
        through = [t.id for t in self._progress.tasks if t.visible and t.stop_time is not None]
        for task in through[:-KEPT]:
            self._progress.update(task, visible=False)

    def _log(self, line: str) -> None:
        self._logged_at = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, markup=False)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draws while the block runs."""
        with self._progress:
            yield
