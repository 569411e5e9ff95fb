"""Damage to what lies at rest: what raises when it is met, and rows of it in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
from numpy.typing import NDArray

from factory.errors import DamagedError, InputError

MOST_RANGES = 8  # of rows, in a line
BULLET = re.compile(r"^\s*(?:[x\u00d7]\s|[|│`╰├]*[-─]*[>▶]\s)\s*")
OBJECT = re.compile(r"\b(chunk|manifest|snapshot|transaction)(?:s/|_id=)(\w+)")


@contextmanager
def readable(what: str, remedy: str, kind: type[Exception]) -> Iterator[None]:
    """Says in one line what cannot be read any more, where the block raises errors of a kind.

    Raises:
        DamagedError: in place of them.
    """
    try:
        yield
    except (DamagedError, InputError, MemoryError):
        raise
    except kind as error:
        raise DamagedError(f"{what} cannot be read ({cause(error)}); {remedy}") from error


def described(what: str, snapshot: str) -> AbstractContextManager[None]:
    """The same of what a snapshot says of its arrays, which is in one file of the repository."""
    remedy = f"put snapshots/{snapshot} back from a copy of the home"
    return readable(f"the description of {what} at snapshot {snapshot}", remedy, Exception)


def cause(error: BaseException) -> str:
    """The first line of an error of a storage library, and the stored object that it is about."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    first = BULLET.sub("", lines[0]).strip() if lines else type(error).__name__
    about = OBJECT.search(str(error))
    return first if about is None or about[2] in first else f"{first}: {about[1]} {about[2]}"


def ranges(rows: NDArray[np.int64]) -> str:
    """Rows in words, neighbours joined: "3, 7-9, 12"; of very many the first alone."""
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if len(rows) else []
    words = [str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts]
    return ", ".join(words[:MOST_RANGES]) + ", ..." * (len(words) > MOST_RANGES)
