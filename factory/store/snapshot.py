"""What one snapshot of a data set holds, and how to read it.

Row i of every array shows prompt i of the append-only prompt table. For N rows:

    image (N, H, W, C) uint8     mask (N, H, W) uint8        has_mask (N,) bool
    spacing_mm (N, 2) float32    prompt (N,) int64           seed (N,) uint64
    status (N,) uint8            reason (N,) uint32          prompts (N,) JSON text
    shard_done (shards,) bool    checksum (N,) uint64, 0 where an earlier release wrote the row

All are chunked alike along the rows, so that two shards never write the same chunk, but for
`prompts` and `shard_done`, which the driver alone writes. The attributes carry format, layout, label maps, recipe sections, digests,
the code's version, and the words for `status` and `reason`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.errors import InputError
from factory.identity import digest
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.prompts.table import PromptTable, frame_of_lines, prompts_of_lines
from factory.store.checks import Reasons
from factory.store.checksums import UNKNOWN
from factory.store.damage import described, ranges, readable
from factory.store.shards import Layout, Status

FORMAT = 1
DESCRIPTION = "description"  # of a commit's metadata: digest of the attributes that it leaves
READ_CHUNKS = 16  # chunks read at a time: enough for Zarr to fetch and decode them side by side
TEXT_CHUNK = 4096  # prompts per chunk of their table
FLAG_CHUNK = 512  # shards per chunk: so small a chunk Icechunk keeps in its manifest
SMALL_PART = 16  # of a data set's rows, one of so many
FACETS = ("prompt", "seed", "domain", "modality", "anatomy", "labels", "finding", "text")
# One value per row: dtype, the value of an empty row, and the axes after the rows.
PAIR_ARRAYS: Mapping[str, tuple[str, object, tuple[str, ...]]] = {
    "image": ("uint8", 0, ("height", "width", "channels")),
    "mask": ("uint8", 0, ("height", "width")),
    "has_mask": ("bool", False, ()),
    "spacing_mm": ("float32", float("nan"), ("axis",)),
    "prompt": ("int64", -1, ()),
    "seed": ("uint64", 0, ()),
    "status": ("uint8", int(Status.EMPTY), ()),
    "reason": ("uint32", 0, ()),
    "checksum": ("uint64", UNKNOWN, ()),
}
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One immutable state of a data set.

    Attributes:
        name: of the data set.
        id: Icechunk's snapshot id.
        metadata: of the commit.
        group: its arrays, a Zarr group.

    Raises:
        InputError: if a newer release wrote it.
        ValueError: if what it says of its arrays is not what was written.
    """

    name: str
    id: str
    metadata: Mapping[str, Any]
    group: Any

    def __post_init__(self) -> None:
        written = self.metadata.get(DESCRIPTION)  # earlier releases kept none
        if written not in (None, digest(self.attributes)):
            raise ValueError("it is not as it was written")
        if (found := self.attributes.get("format", FORMAT)) > FORMAT:
            raise InputError(
                f"data set {self.name!r} has store format {found} and this release reads up to "
                f"{FORMAT}: reading it could misread pairs; upgrade medpair-factory"
            )

    def __len__(self) -> int:
        status = self._found("status")
        return 0 if status is None else int(status.shape[0])

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Everything but the arrays."""
        return dict(self.group.attrs)

    @property
    def pairs_id(self) -> str:
        """Snapshot that ended the generation (G), which pair scores name."""
        return str(self.metadata.get("pairs", self.id))

    @cached_property
    def layout(self) -> Layout:
        with self._described("the layout"):
            return Layout(**self.attributes["layout"])

    @property
    def label_maps(self) -> dict[str, dict[str, int]]:
        """Domain -> class name -> mask index."""
        with self._described("the label maps"):
            return dict(self.attributes["label_maps"])

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """(N,) values of `Status`."""
        return self.column("status")

    @cached_property
    def shard_done(self) -> NDArray[np.bool_]:
        """(shards,) whether every row of a shard holds a pair."""
        return self.column("shard_done")

    @cached_property
    def has_mask(self) -> NDArray[np.bool_]:
        """(N,) whether each row's pair has a mask, empty or not."""
        return self.column("has_mask")

    @cached_property
    def reason(self) -> Reasons:
        """(N,) bits of `factory.store.checks.Reason`."""
        return self.column("reason")

    @cached_property
    def checksum(self) -> NDArray[np.uint64]:
        """(N,) as `factory.store.checksums` works them out; `UNKNOWN` in rows of earlier releases."""
        if not self.holds("checksum"):
            return np.full(len(self), UNKNOWN, np.uint64)
        return self.column("checksum")

    @cached_property
    def table(self) -> PromptTable:
        """The prompts, one per row."""
        with self._readable("prompts", np.arange(len(self))):
            return PromptTable.of_lines(_lines(self.array("prompts")))

    def rows(self, *status: Status) -> Rows:
        """Rows in one of these states, ascending."""
        return np.flatnonzero(np.isin(self.status, status))

    def asked(self) -> Rows:
        """Rows of the prompts that the snapshot's own grid asks for, ascending."""
        return np.flatnonzero(self.status != Status.OUTSIDE)

    def rejected(self) -> Rows:
        """Rows of the pairs that were judged and found wanting, ascending."""
        return self.rows(Status.REJECTED)

    def counts(self) -> dict[str, int]:
        """Number of rows in each state, by its name in lower case."""
        return {state.name.lower(): int((self.status == state).sum()) for state in Status}

    def facets(self, rows: Rows) -> pd.DataFrame:
        """What is known of the pairs in these rows; `row` finds them again."""
        table = self._prompts(rows).reset_index(drop=True)
        codes, texts = pd.factorize(table["extra"])
        extra = pd.DataFrame([dict(json.loads(text)) for text in texts], dtype="str").fillna("")
        facets = table[list(FACETS)].astype("str").join(extra.iloc[codes].reset_index(drop=True))
        return facets.assign(row=rows)

    def _prompts(self, rows: Rows) -> pd.DataFrame:
        """The prompts of some rows; of a small part of a large data set, these alone are decoded."""
        if "table" in vars(self) or len(rows) * SMALL_PART > len(self) or not len(rows):
            return self.table.to_pandas(rows)
        with self._readable("prompts", rows):
            return frame_of_lines(self.array("prompts").oindex[rows])

    def read(self, rows: Rows | None = None) -> PairBatch:
        """Pairs in memory: the accepted ones, or those of some rows in ascending order.

        Raises:
            InputError: if there is no pair to read.
            DamagedError: if one cannot be read any more.
        """
        rows = self.rows(Status.ACCEPTED) if rows is None else np.asarray(rows, np.int64)
        if not len(rows):
            raise InputError(
                f"snapshot {self.id} of data set {self.name!r} has no accepted pairs: nothing was "
                "published yet, or a run on this branch has not been judged; name a version or run"
            )
        return self.pixels(rows, self.facets(rows))

    def pixels(self, rows: Rows, facets: pd.DataFrame) -> PairBatch:
        """Pairs of some rows, at least one, in ascending order, with facets that are given.

        Raises:
            DamagedError: if one cannot be read any more.
        """
        taken = {
            name: self._take(name, rows) for name in ("image", "mask", "spacing_mm", "has_mask")
        }
        return PairBatch(
            taken["image"], taken["mask"], facets, taken["spacing_mm"], taken["has_mask"]
        )

    def blocks(self, rows: Rows | None = None, size: int = 1024) -> Iterator[PairBatch]:
        """The same pairs, at most `size` in memory at a time."""
        rows = self.rows(Status.ACCEPTED) if rows is None else rows
        for start in range(0, len(rows), size):
            yield self.read(rows[start : start + size])

    def column(self, name: str, rows: slice = slice(None)) -> NDArray[Any]:
        """Values of an array, of every row or of some that follow each other.

        Raises:
            InputError: if nothing was laid out yet.
            DamagedError: if they cannot be read any more.
        """
        array = self.array(name)
        with self._readable(name, np.arange(len(self))[rows]):
            return np.asarray(array[rows])

    def _readable(self, name: str, rows: Rows) -> AbstractContextManager[None]:
        return readable(
            f"{name} of data set {self.name!r}, rows {ranges(rows)} of snapshot {self.id},",
            f"`medpair datasets verify {self.name}@{self.id}` says what is damaged, and --repair "
            "makes pairs anew",
            Exception,
        )

    def _described(self, what: str) -> AbstractContextManager[None]:
        """Zarr reads descriptions as JSON, in which Icechunk lets a flipped bit pass."""
        return described(f"{what} of data set {self.name!r}", self.id)

    def holds(self, name: str) -> bool:
        """Whether an array is there: data sets of earlier releases lack some."""
        return self._found(name) is not None

    def _found(self, name: str) -> Any | None:  # noqa: ANN401
        if name not in self._opened:
            with self._described(f"the array {name}"):
                self._opened[name] = self.group.get(name)
        return self._opened[name]

    @cached_property
    def _opened(self) -> dict[str, Any]:
        """Arrays that were asked for: Zarr reads the description of one at every opening."""
        return {}

    def array(self, name: str) -> Any:  # noqa: ANN401  # a zarr.Array, which has no types here
        """An array.

        Raises:
            InputError: if nothing was laid out yet.
            DamagedError: if what is said of it cannot be read any more.
        """
        found = self._found(name)
        if found is None:
            raise InputError(
                f"data set {self.name!r} holds nothing at {self.id}: nothing was published yet; "
                "run a recipe to the end, or name a run's branch"
            )
        return found

    def _take(self, name: str, rows: Rows) -> NDArray[Any]:
        """Rows of an array, whole blocks of chunks at a time: each chunk is decoded once."""
        array, step = self.array(name), READ_CHUNKS * self.layout.chunk
        taken = np.empty((len(rows), *array.shape[1:]), array.dtype)
        for block in range(rows[0] // step, rows[-1] // step + 1):
            first, last = np.searchsorted(rows, [block * step, (block + 1) * step])
            if first < last:
                start, stop = rows[first], rows[last - 1] + 1
                with self._readable(name, rows[first:last]):
                    taken[first:last] = array[start:stop][rows[first:last] - start]
        return taken


def chosen_by_hand(attributes: Mapping[str, Any]) -> list[str]:
    """What somebody chose of each request, in words; [] where all pairs were judged by rule."""
    choices = attributes.get("by_hand") or ()
    return [f"{each['how']}: {len(each['kept'])} of {each['made']}" for each in choices]


def lay_out(group: Any, layout: Layout, table: PromptTable) -> None:  # noqa: ANN401  # a zarr.Group
    """Makes or lengthens the arrays of a group until they have a row for each prompt."""
    for name in PAIR_ARRAYS:
        if name not in group:
            new_array(group, name, layout)
        group[name].resize((len(table), *group[name].shape[1:]))
    _append_prompts(group, table)
    if "shard_done" not in group:
        new_array(group, "shard_done", layout)
    group["shard_done"].resize((-(-len(table) // layout.shard),))


def new_array(group: Any, name: str, layout: Layout, length: int = 0) -> None:  # noqa: ANN401  # a zarr.Group
    """Makes an array of a group, with as many empty rows; or shards, of `shard_done`."""
    if name == "shard_done":
        chunks = (FLAG_CHUNK,)
        group.create_array(name, shape=(length,), chunks=chunks, dtype="bool", fill_value=False)
        return
    dtype, empty, axes = PAIR_ARRAYS[name]
    sizes = {**asdict(layout), "axis": 2}
    tail = tuple(int(sizes[axis]) for axis in axes)
    group.create_array(
        name,
        shape=(length, *tail),
        chunks=(layout.chunk, *tail),
        dtype=dtype,
        fill_value=empty,
        dimension_names=("row", *axes),
    )


def read_table(group: Any) -> PromptTable:  # noqa: ANN401  # a zarr.Group
    """The prompts of a group, none where it was never laid out."""
    return PromptTable.of_lines(_lines(group["prompts"])) if "prompts" in group else PromptTable()


def prompts_at(group: Any, rows: Rows) -> list[Prompt]:  # noqa: ANN401  # a zarr.Group
    """The prompts of some rows."""
    return prompts_of_lines(group["prompts"].oindex[rows]) if len(rows) else []


def _append_prompts(group: Any, table: PromptTable) -> None:  # noqa: ANN401  # a zarr.Group
    if "prompts" not in group:
        group.create_array("prompts", shape=(0,), chunks=(TEXT_CHUNK,), dtype="str")
    prompts, held = group["prompts"], group["prompts"].shape[0]
    prompts.resize((len(table),))
    # A chunk at a time: a million prompts as Python objects would take gigabytes.
    for start in range(held - held % TEXT_CHUNK, len(table), TEXT_CHUNK):
        new = slice(max(start, held), min(start + TEXT_CHUNK, len(table)))
        prompts[new] = np.array(table.lines(new), object)


def _lines(prompts: Any) -> Iterator[NDArray[np.object_]]:  # noqa: ANN401  # a zarr.Array
    for start in range(0, prompts.shape[0], TEXT_CHUNK):
        yield prompts[start : start + TEXT_CHUNK]
