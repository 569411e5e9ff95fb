"""The terminal: progress and messages on stderr, the result on stdout, as text or as JSON."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import asdict, is_dataclass
from typing import TextIO

from pydantic import BaseModel
from rich.console import Console, RenderableType

from factory.errors import WithdrawnWarning
from flows.console.bars import Bars
from tasks.services.progress import shown_on

OURS = ("factory", "evaluation", "tasks", "flows", "medpair")  # whose logs are for whoever calls


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
        """Says what our own code warns of in lines, each once, and not where in it that was seen."""
        told = set[str]()

        def tell(line: str) -> None:
            if line not in told:
                told.add(line)
                self.warn(line)

        with withdrawals_told(tell), logs_told(tell):
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


@contextmanager
def withdrawals_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Hands over that a version is withdrawn, wherever it is used while the block runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", WithdrawnWarning)
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, WithdrawnWarning):
                tell(str(message))
            else:
                usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


class Teller(logging.Handler):
    """Hands over what is logged as a warning or worse, without time and place."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Hands one over."""
        self.tell(record.getMessage())


@contextmanager
def logs_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Hands over what our own code logs while the block runs, in place of whatever else prints it."""
    teller, loggers = Teller(tell), [logging.getLogger(name) for name in OURS]
    for logger in loggers:
        logger.addHandler(teller)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.propagate = True
            logger.removeHandler(teller)
