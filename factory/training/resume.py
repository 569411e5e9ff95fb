"""Where an interrupted training goes on: files that are there whole or not at all, and its time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

Step = TypeVar("Step")
Result = TypeVar("Result")

NOTE_SECONDS = 10.0


class Stateful(Protocol):
    """A module, an optimiser, an average: whatever gives and takes its state."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...  # noqa: ANN401  # torch's own


class ResumePoint:
    """Saves the parts of a training about once a minute, and at its end."""

    def __init__(self, file: Path, parts: Mapping[str, Stateful], seconds: float = 60.0) -> None:
        self.file = file
        self.parts = parts
        self.seconds = seconds
        self.saved = time.monotonic()

    def load(self) -> int:
        """Steps done so far; 0 without a file."""
        if not self.file.exists():
            return 0
        state = torch.load(self.file, weights_only=True, map_location="cpu")
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        return int(state["step"])

    def save(self, step: int) -> None:
        """Replaces the file in one move, so that a kill leaves the old or the new one."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self.parts.items()}
        partial = self.file.with_suffix(".partial")
        torch.save({**state, "step": step}, partial)
        partial.replace(self.file)
        self.saved = time.monotonic()

    def save_sometimes(self, step: int, steps: int) -> None:
        """Saves when a minute has passed since the last time, or at the last step."""
        if step == steps or time.monotonic() - self.saved > self.seconds:
            self.save(step)


def save_whole(save: Callable[[Path], None], folder: Path) -> None:
    """Lets `save` fill a folder that bears its name only once it is complete.

    A kill half way leaves a `.partial` folder, which the next attempt replaces.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save(partial)
    partial.replace(folder)


class Stopwatch:
    """Counts seconds over all starts of a training, in a file beside its unfinished work.

    A kill loses at most the seconds since the last note, which is about ten.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.before = float(file.read_text(encoding="ascii")) if file.is_file() else 0.0
        self.began = self.noted = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far, those of earlier starts included."""
        return self.before + time.monotonic() - self.began

    def over(self, stage: Generator[Step, None, Result]) -> Generator[Step, None, Result]:
        """The same stage, with the time noted as it goes."""
        try:
            while True:
                step = next(stage)
                if time.monotonic() - self.noted > NOTE_SECONDS:
                    self._note()
                yield step
        except StopIteration as end:
            self._note()
            result: Result = end.value
            return result

    def _note(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        partial.write_text(f"{self.seconds:.1f}", encoding="ascii")
        partial.replace(self.file)
        self.noted = time.monotonic()
