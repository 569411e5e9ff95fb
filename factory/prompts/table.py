"""The prompts of a data set as a table: row r of it is row r of the data set's arrays."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.prompts.grid import PromptGrid
from factory.prompts.prompt import Prompt

Rows = NDArray[np.int64]

TABLE_COLUMNS = (
    "prompt",
    "seed",
    "domain",
    "modality",
    "anatomy",
    "labels",
    "finding",
    "text",
    "extra",
    "replicate",
    "root",
    "title",
    "empty",
)
# Few values many times: a million rows of them take no more room than their numbers.
FEW = ("domain", "modality", "anatomy", "labels", "finding", "text", "extra", "title", "empty")
DTYPES = {"seed": "uint64", "root": "uint64", "replicate": "int64"}  # of what is no text
LINE = "{" + ", ".join(f"{json.dumps(name)}: %s" for name in TABLE_COLUMNS) + "}"
PART = 4096  # prompts that are Python objects at a time


class PromptTable:
    """The prompts of a data set, one row each; rows are appended and never change.

    Row r of the table is row r of the data set's arrays, so a larger grid, or another one, only
    adds rows at the end.

    Args:
        frame: what `to_pandas` gave; None for an empty table.

    Raises:
        ValueError: if columns are missing or a prompt has two rows.
    """

    def __init__(self, frame: pd.DataFrame | None = None) -> None:
        if frame is None:
            frame = _frame([])
        if missing := set(TABLE_COLUMNS) - set(frame.columns):
            raise ValueError(f"prompt table lacks the columns {sorted(missing)}")
        columns = frame[list(TABLE_COLUMNS)].reset_index(drop=True)
        self._frame = columns.astype(dict.fromkeys(FEW, "category"))
        if not self._frame["prompt"].is_unique:
            raise ValueError("prompt table has two rows for one prompt; it was not written by us")

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, row: int) -> Prompt:
        return _prompt(self._frame.iloc[row].to_dict())

    def __iter__(self) -> Iterator[Prompt]:
        return map(_prompt, self._frame.to_dict("records"))

    def altered(self) -> Rows:
        """Rows whose words or seed are not those that their digest was made of, ascending."""
        entries = enumerate(self._frame.to_dict("records"))
        return np.array([row for row, entry in entries if not _is_whole(entry)], np.int64)

    def extend(self, prompts: PromptGrid | Sequence[Prompt]) -> tuple[PromptTable, Rows]:
        """The table with a row for each of these prompts, and the row of each, (len(prompts),).

        Prompts already in the table keep their row, so doing this twice changes nothing.
        """
        asked = _frame(_runs(prompts))
        old = asked["prompt"].isin(self._frame["prompt"]) | asked["prompt"].duplicated()
        new = asked[~old] if old.any() else asked
        parts = [part for part in (self._frame, new) if len(part)]
        whole = PromptTable(_joined(parts)) if parts else PromptTable()
        if new is asked and not len(self):  # a table of its own: nothing is looked up
            return whole, np.arange(len(asked))
        rows = whole.digests.get_indexer(pd.Index(asked["prompt"]))
        return whole, np.asarray(rows, np.int64)

    def to_pandas(self, rows: Rows | slice = slice(None)) -> pd.DataFrame:
        """A copy of the table, or of some rows; `extra` is JSON, `seed` and `root` are uint64."""
        return self._frame.iloc[rows].astype(dict.fromkeys(FEW, "str"))

    @cached_property
    def digests(self) -> pd.Index:
        """The key of every prompt, in the order of the rows."""
        return pd.Index(self._frame["prompt"])

    @property
    def seeds(self) -> NDArray[np.uint64]:
        """(N,) seed of every prompt's pair."""
        return self._frame["seed"].to_numpy("uint64")

    def lines(self, rows: slice = slice(None)) -> list[str]:
        """Some rows, that follow each other, as a JSON object each."""
        columns = (_as_json(self._frame[name].iloc[rows]) for name in TABLE_COLUMNS)
        return [LINE % row for row in zip(*columns, strict=True)]

    @staticmethod
    def of_lines(parts: Iterable[NDArray[np.object_]]) -> PromptTable:
        """The table that was written as lines, which come in parts that follow each other."""
        frames = [frame_of_lines(part) for part in parts if len(part)]
        return PromptTable(_joined(frames)) if frames else PromptTable()


def frame_of_lines(lines: NDArray[np.object_]) -> pd.DataFrame:
    """Some lines, at least one, as `PromptTable.to_pandas` gives their rows."""
    return pd.DataFrame(map(json.loads, lines)).astype(DTYPES)


def prompts_of_lines(lines: NDArray[np.object_]) -> list[Prompt]:
    """The prompts that were written as lines; of few, much faster than by a table."""
    return [_prompt(json.loads(line)) for line in lines]


def _prompt(entry: Mapping[Hashable, Any]) -> Prompt:
    return Prompt(
        entry["domain"],
        entry["modality"],
        entry["anatomy"],
        tuple(name for name in entry["labels"].split(";") if name),
        entry["finding"],
        entry["text"],
        tuple((name, value) for name, value in json.loads(entry["extra"])),
        int(entry["replicate"]),
        int(entry["root"]),
        title=entry["title"],
        empty=entry["empty"],
    )


def _is_whole(entry: Mapping[Hashable, Any]) -> bool:
    try:
        prompt = _prompt(entry)
    except ValueError:  # of JSON
        return False
    return bool((prompt.digest, prompt.seed) == (entry["prompt"], int(entry["seed"])))


def _runs(prompts: PromptGrid | Sequence[Prompt]) -> Iterable[tuple[Prompt, range]]:
    if isinstance(prompts, PromptGrid):
        return prompts.runs()
    return ((prompt, range(prompt.replicate, prompt.replicate + 1)) for prompt in prompts)


def _as_json(column: pd.Series) -> Iterable[object]:
    if column.name in DTYPES:
        return column.tolist()
    if column.name == "prompt":  # hex digits
        return [f'"{digest}"' for digest in column.tolist()]
    used, which = np.unique(column.cat.codes, return_inverse=True)
    texts = [json.dumps(value) for value in column.cat.categories[used]]
    return np.array(texts, object)[which]


def _frame(runs: Iterable[tuple[Prompt, range]]) -> pd.DataFrame:
    cells = list(runs)
    numbers = [replicates for _, replicates in cells]
    count = sum(map(len, numbers))
    cell = np.repeat(np.arange(len(cells)), [len(each) for each in numbers])
    shared = {
        "domain": [prompt.domain for prompt, _ in cells],
        "modality": [prompt.modality for prompt, _ in cells],
        "anatomy": [prompt.anatomy for prompt, _ in cells],
        "labels": [";".join(prompt.classes) for prompt, _ in cells],
        "finding": [prompt.finding for prompt, _ in cells],
        "text": [prompt.text for prompt, _ in cells],
        "extra": [json.dumps(prompt.extra) for prompt, _ in cells],
        "title": [prompt.title for prompt, _ in cells],
        "empty": [prompt.empty for prompt, _ in cells],
    }
    columns: dict[str, pd.Series] = {
        name: pd.Series(values, dtype="str").astype("category").take(cell).reset_index(drop=True)
        for name, values in shared.items()
    }
    roots = np.array([prompt.root for prompt, _ in cells], np.uint64)
    seeds = (prompt.seed_of(number) for prompt, each in cells for number in each)
    columns["prompt"] = _texts(
        prompt.digest_of(number) for prompt, each in cells for number in each
    )
    columns["seed"] = pd.Series(np.fromiter(seeds, np.uint64, count))
    columns["replicate"] = pd.Series(np.fromiter(chain.from_iterable(numbers), np.int64, count))
    columns["root"] = pd.Series(roots[cell])
    return pd.DataFrame(columns)[list(TABLE_COLUMNS)]


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if len(parts) == 1:
        return parts[0]
    return pd.concat([part.astype(dict.fromkeys(FEW, "str")) for part in parts])


def _texts(values: Iterable[str]) -> pd.Series:
    """A column of many texts, of which only a part are Python objects at a time."""
    left = iter(values)
    parts = [pd.Series(part, dtype="str") for part in iter(lambda: [*islice(left, PART)], [])]
    return pd.concat(parts, ignore_index=True) if parts else pd.Series(dtype="str")
