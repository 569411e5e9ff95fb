"""How long a training took, stops left out."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

Step = TypeVar("Step")
Result = TypeVar("Result")

NOTE_SECONDS = 10.0


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
