"""The table of a data set as spreadsheets write it: rows that fit its header, spacings in mm."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from factory.errors import InputError

NUMBER = r"\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?"


def read_table(
    path: Path, checked: Callable[[Sequence[str]], Iterable[str]] = lambda columns: ()
) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """The columns of a CSV in UTF-8, and its rows, "" where a cell is missing.

    Cells are parted by commas; where the header has none, by semicolons or tabs.

    Args:
        path: of the file.
        checked: what is wrong with its columns for the one who reads it, a line each.

    Raises:
        InputError: if it cannot be read; else with a line for everything that is wrong with its
            columns, and for rows that have more cells.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            parted = next((mark for mark in ",;\t" if mark in header), ",")
            reader = csv.reader(file, delimiter=parted, skipinitialspace=True, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    columns = tuple(name.strip() for name in lines[0][1]) if lines else ()
    faults = (*checked(columns), *_repeated(columns), *_too_wide(len(columns), lines))
    if faults:
        raise InputError("\n".join(f"{path}{fault}" for fault in faults))
    rows = (cells + [""] * (len(columns) - len(cells)) for _, cells in islice(lines, 1, None))
    return columns, [
        {name: cell.strip() for name, cell in zip(columns, cells, strict=False)} for cells in rows
    ]


def _repeated(columns: Sequence[str]) -> Iterator[str]:
    for name, count in Counter(filter(None, columns)).items():
        if count > 1:
            yield (
                f": column {name!r} stands there {'twice' if count == 2 else f'{count} times'}, so "
                "it is unclear which counts; rename or remove one"
            )


def _too_wide(width: int, lines: Sequence[tuple[int, Sequence[str]]]) -> Iterator[str]:
    """Rows with something in a cell beyond the last column, by which those of all are moved."""
    wide = {number: len(cells) for number, cells in lines if any(c.strip() for c in cells[width:])}
    if wide:
        yield (
            f"{lines_in_words(list(wide))}: {next(iter(wide.values()))} cells under {width} "
            "columns, so it is unclear which cell belongs where; put texts with commas in double "
            "quotes"
        )


def lines_in_words(numbers: Sequence[int]) -> str:
    """Lines of a table as they stand behind its path: ", lines 3, 4"."""
    shown = ", ".join(map(str, numbers[:3]))
    more = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
    return f", line{'s' * (len(numbers) > 1)} {shown}{more}"


def spacing_mm(text: str) -> tuple[float, float] | None:
    """(row, column) in mm of "0.5", "0.5;0.6", "0.5 x 0.6" or a longer list; None if it is none.

    A comma is a decimal one, as in "1,25" or "1,25;1,5", but where points are or a space follows.
    """
    bare = re.sub(r"\s*mm$", "", text.strip().strip("[]()").strip())
    if "." in bare:
        bare = bare.replace(",", ";")
    parts = [part for part in re.split(r"\s*[;x\u00d7*]\s*|,\s+|\s+", bare) if part]
    if not parts or not all(re.fullmatch(NUMBER, part) for part in parts):
        return None
    numbers = [float(part.replace(",", ".")) for part in parts]
    if not 0 < min(numbers) <= max(numbers) < float("inf"):
        return None
    return numbers[0], numbers[min(1, len(numbers) - 1)]
