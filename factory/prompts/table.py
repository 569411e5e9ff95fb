"""The prompts of a data set as a table: row r of it is row r of the data set's arrays."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
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
        self._frame = frame[list(TABLE_COLUMNS)].reset_index(drop=True)
        self._index = pd.Index(self._frame["prompt"])
        if not self._index.is_unique:
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
        new = asked[~asked["prompt"].isin(self._index)].drop_duplicates("prompt")
        parts = [part for part in (self._frame, new) if len(part)]
        whole = PromptTable(pd.concat(parts) if parts else None)
        rows = whole._index.get_indexer(pd.Index(asked["prompt"]))
        return whole, np.asarray(rows, np.int64)

    def to_pandas(self) -> pd.DataFrame:
        """A copy of the table; `extra` is JSON, `seed` and `root` are uint64."""
        return self._frame.copy()


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


def _frame(runs: Iterable[tuple[Prompt, range]]) -> pd.DataFrame:
    cells = list(runs)
    cell = np.repeat(np.arange(len(cells)), [len(numbers) for _, numbers in cells])
    each = [(prompt, number) for prompt, numbers in cells for number in numbers]
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
    roots = np.array([prompt.root for prompt, _ in cells], np.uint64)
    columns: dict[str, pd.Series] = {
        name: pd.Series(values, dtype="str").take(cell).reset_index(drop=True)
        for name, values in shared.items()
    }
    columns["prompt"] = pd.Series([p.digest_of(n) for p, n in each], dtype="str")
    columns["seed"] = pd.Series([p.seed_of(n) for p, n in each], dtype="uint64")
    columns["replicate"] = pd.Series([n for _, n in each], dtype="int64")
    columns["root"] = pd.Series(roots[cell], dtype="uint64")
    return pd.DataFrame(columns)[list(TABLE_COLUMNS)]
