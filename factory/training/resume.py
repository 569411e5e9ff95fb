"""Where an interrupted training goes on: files and folders that are there whole or not at all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch


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
