"""Does a terminal of 80 columns show every number of a result? Asked by tests and benchmarks."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable

from rich.console import Console, RenderableType

COLUMNS = 80
WIDE = 100_000
# A number that stands alone: with sign, point, exponent, per cent; nothing of a path or a name.
NUMBER = re.compile(r"(?<![\w./@-])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?(?![\w/])")


def printed(result: RenderableType, columns: int = COLUMNS) -> str:
    """What a terminal of this width shows."""
    log = io.StringIO()
    Console(file=log, width=columns, color_system=None).print(result, crop=False)
    return log.getvalue()


def is_whole(result: RenderableType, columns: int = COLUMNS) -> bool:
    """Whether every number stands there as on a terminal without end, and nothing is cut."""
    narrow, wide = printed(result, columns), printed(result, WIDE)
    cut = narrow.count("…") > wide.count("…")
    return not cut and not _broken(narrow, columns) and not _numbers(wide) - _numbers(narrow)


def tables_80_columns(results: Iterable[RenderableType]) -> float:
    """The share of results that are whole at 80 columns; 1 is best.

    Raises:
        ValueError: if there is none.
    """
    found = [is_whole(result) for result in results]
    if not found:
        raise ValueError("no result to look at")
    return sum(found) / len(found)


def _numbers(text: str) -> Counter[str]:
    return Counter(NUMBER.findall(text))


def _broken(text: str, columns: int) -> bool:
    """Whether the terminal breaks a line within a number."""
    found = (match for line in text.splitlines() for match in NUMBER.finditer(line))
    return any(match.start() // columns != (match.end() - 1) // columns for match in found)
