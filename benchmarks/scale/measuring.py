"""Wall time and the most memory of a process, and the size of what it wrote."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 2**20


@contextmanager
def timed(numbers: dict[str, float]) -> Iterator[None]:
    """Adds the seconds of a block, and the most memory that the process has had by its end."""
    start = time.perf_counter()
    yield
    numbers["seconds"] = time.perf_counter() - start
    numbers["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def size_mib(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MIB


def tell(numbers: dict[str, float]) -> None:
    """Prints the numbers as the last line."""
    print(json.dumps(numbers), flush=True)
