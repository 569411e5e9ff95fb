"""How results are laid out: rows as a table where it fits, else as records; numbers never cut."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from evaluation.report.wording import between, number, signed

ZONE = re.compile(r"[+-]\d\d:\d\d$")
GAP = 2  # columns between two cells
LEAST_WRAPPED = 24  # columns of a cell that is wrapped
UNKNOWN = "-"


@dataclass(frozen=True)
class Rows:
    """Rows as a table where the terminal is wide enough, else as records, a line per field.

    The last column may be wrapped at its spaces; no other cell is.

    Attributes:
        columns: their names; all "" for no line of names.
        rows: cells as they are printed.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Called by rich, which knows the width."""
        if not self.rows:
            yield Text("0 rows")
        elif self._least_width() <= options.max_width:
            yield self._table()
        else:
            yield from self._records()

    def _least_width(self) -> int:
        lines = [self.columns, *self.rows]
        *fixed, last = [[line[i] for line in lines] for i in range(len(self.columns))]
        longest = max(_width(max(text.split(), key=_width, default="")) for text in last)
        whole = min(max(map(_width, last)), max(longest, LEAST_WRAPPED))
        return sum(max(map(_width, texts)) + GAP for texts in fixed) + whole

    def _table(self) -> Table:
        named = any(self.columns)
        table = Table(box=None, show_header=named, pad_edge=False, padding=(0, GAP, 0, 0))
        for number_, name in enumerate(self.columns, 1):
            table.add_column(Text(name), no_wrap=number_ < len(self.columns), overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def _records(self) -> Iterator[RenderableType]:
        for number_, row in enumerate(self.rows):
            if number_:
                yield Text("")
            yield mapping(dict(zip(self.columns, row, strict=True)))


def frame(data: pd.DataFrame, heading: str = "", constant: bool = True) -> RenderableType:
    """Any table; columns that say the same in every row become a line above it, where two are left.

    Args:
        data: with any columns.
        heading: the question that it answers.
        constant: leave such columns out; False keeps every column in its place.
    """
    same = _same(data) if constant and len(data) > 1 else {}
    rest = data.drop(columns=list(same))
    rows = [[cell(value) for value in row] for row in rest.itertuples(index=False)]
    above = ", ".join(f"{name} {value}" for name, value in same.items())
    table = Rows([str(name) for name in rest.columns], rows)
    parts: list[RenderableType] = [Text(heading, style="bold")] if heading else []
    return Group(*parts, *([Text(above, style="dim")] if above else []), table)


def _same(data: pd.DataFrame) -> dict[str, str]:
    """The columns that hold one value; none where fewer than two others do not.

    A lone column is no table: what was measured would stand above, away from what it is of.
    """
    texts = {str(name): {cell(value) for value in data[name]} for name in data.columns}
    same = {name: next(iter(found)) for name, found in texts.items() if len(found) == 1}
    return same if len(texts) - len(same) > 1 else {}


def mapping(rows: Mapping[str, object]) -> Table:
    """Names and values; a value with spaces is wrapped at them, one without is never broken."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(f"{name}:"), _unbroken(str(value)))
    return table


def _unbroken(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ignore") if " " not in text else Text(text)


def cell(value: object) -> str:
    """A value as it is printed: numbers with four digits, times to the second."""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else UNKNOWN
    if isinstance(value, datetime):
        if value != value:  # noqa: PLR0124  # not a time
            return UNKNOWN
        # Not by strftime, which knows no year beyond 9999.
        return ZONE.sub("", value.isoformat(" ", "seconds"))
    if value is None or value is pd.NaT or value is pd.NA:
        return UNKNOWN
    return str(value)


def interval(value: object, low: object, high: object) -> str:
    """A value and its interval: 0.612 [0.540, 0.671]."""
    return f"{number(_float(value))} {between(_float(low), _float(high))}".rstrip()


def signed_interval(value: object, low: object, high: object) -> str:
    """A difference and its interval: +0.061 [0.040, 0.087]."""
    return f"{signed(_float(value))} {between(_float(low), _float(high))}".rstrip()


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _width(text: str) -> int:
    return Text(text).cell_len


def path_line(path: Path) -> Text:
    """An absolute path that no line break cuts, to be clicked or copied."""
    return Text(str(path.absolute()), no_wrap=True, overflow="ignore")
