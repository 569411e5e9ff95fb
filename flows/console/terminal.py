"""The terminal: progress and messages on stderr, the result on stdout, as text or as JSON."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import asdict, is_dataclass
from typing import TextIO

from pydantic import BaseModel
from rich.console import Console, RenderableType

from factory.errors import WithdrawnWarning
from flows.console.bars import Bars
from tasks.services.progress import shown_on


def as_json(value: object) -> object:
    """A result as JSON types; a number that is not finite becomes null."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if is_dataclass(value) and not isinstance(value, type):
        return as_json(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


class Terminal:
    """Where one command says what it does and what came of it."""

    def __init__(self, json_wanted: bool) -> None:
        self.json_wanted = json_wanted
        self.messages = Console(stderr=True, soft_wrap=True)
        self.bars = Bars(self.messages)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Shows stages while the block runs; with JSON, keeps stdout free of anything else."""
        with ExitStack() as stack:
            if self.json_wanted:
                stack.enter_context(stdout_kept_free())
            stack.enter_context(self._warned_in_lines())
            stack.enter_context(shown_on(self.bars))
            stack.enter_context(self.bars.live())
            yield

    def show(self, result: object, text: RenderableType) -> None:
        """Prints the result: `result` as one JSON object, or `text` for people."""
        if self.json_wanted:
            print(json.dumps(as_json(result), allow_nan=False), flush=True)
        else:
            # A table has its width either way; in a file sentences stay whole, to be searched.
            console = Console()
            console.print(text, soft_wrap=not console.is_terminal, crop=False)

    @contextmanager
    def _warned_in_lines(self) -> Iterator[None]:
        """Says that a version is withdrawn in a line, once, and not where in our code that was seen."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", WithdrawnWarning)
            usual, told = warnings.showwarning, set[str]()

            def show(
                message: Warning | str,
                category: type[Warning],
                filename: str,
                lineno: int,
                file: TextIO | None = None,
                line: str | None = None,
            ) -> None:
                if not issubclass(category, WithdrawnWarning):
                    usual(message, category, filename, lineno, file, line)
                elif str(message) not in told:
                    told.add(str(message))
                    self.warn(str(message))

            warnings.showwarning = show
            yield

    def warn(self, line: str) -> None:
        """Says in one line what should be known, though the command goes on."""
        self.messages.print(f"medpair: {line}", style="yellow", markup=False, highlight=False)

    def complain(self, line: str) -> None:
        """Says in one line what went wrong."""
        self.messages.print(f"medpair: {line}", style="red", markup=False, highlight=False)


@contextmanager
def stdout_kept_free() -> Iterator[None]:
    """Sends to stderr what anything, child processes included, prints on stdout."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
