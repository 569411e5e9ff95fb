"""Whether a snapshot is whole: what is damaged, by rows, also where much of it cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.errors import DamagedError
from factory.pairs import PairBatch
from factory.store.checks import Reason, check
from factory.store.checksums import UNKNOWN, checksums
from factory.store.damage import ranges
from factory.store.shards import Status
from factory.store.snapshot import Rows, Snapshot

PIXEL_REASONS = np.uint32(  # what `check` sees in the pixels; the others are said by somebody
    Reason.CONSTANT_IMAGE
    | Reason.MASK_MISSING
    | Reason.UNKNOWN_CLASS_INDEX
    | Reason.ASKED_CLASS_ABSENT
    | Reason.UNASKED_CLASS_PRESENT
)
BLOCK = 1024  # pairs in memory
Pairs = PairBatch | None
Progress = Callable[[int, int], None]  # pairs done, pairs in all


class Cure(Enum):
    """What mends a fault."""

    REMADE = "its pairs made anew"
    DERIVED = "the prompts, from which it follows"
    NONE = "nothing but a copy"


COLUMNS = {
    "status": Cure.NONE,
    "reason": Cure.NONE,
    "prompt": Cure.DERIVED,
    "seed": Cure.DERIVED,
    "checksum": Cure.REMADE,
}


@dataclass(frozen=True, eq=False)
class Fault:
    """One thing that is wrong with some rows.

    Attributes:
        words: what it is, as it follows "3 rows".
        rows: which, ascending; numbers of shards where `unit` says so.
        cure: what mends it.
    """

    words: str
    rows: Rows
    cure: Cure = Cure.REMADE
    unit: str = "rows"

    def __str__(self) -> str:
        return f"{len(self.rows)} {self.unit} {self.words}: {ranges(self.rows)}"


@dataclass(frozen=True, eq=False)
class Verification:
    """What is wrong with a snapshot, and how many rows are in each state."""

    faults: tuple[Fault, ...]
    counts: dict[str, int]

    @property
    def problems(self) -> tuple[str, ...]:
        """A line for each fault."""
        return tuple(map(str, self.faults))

    @property
    def rows(self) -> Rows:
        """Rows whose pairs have to be made anew, ascending."""
        found = [fault.rows for fault in self.cured_by(Cure.REMADE)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *found]))

    def cured_by(self, cure: Cure) -> list[Fault]:
        """The faults that this mends."""
        return [fault for fault in self.faults if fault.cure is cure]


@dataclass(frozen=True, eq=False)
class Column:
    """An array with a value per row, as far as it can be read.

    Attributes:
        values: 0 where they are lost.
        lost: which cannot be read.
    """

    values: NDArray[np.generic]
    lost: NDArray[np.bool_]

    @staticmethod
    def of(snapshot: Snapshot, name: str) -> Column:
        """What can be read of an array: all at once, or chunk by chunk where it is damaged."""
        try:
            values = snapshot.column(name)
            return Column(values, np.zeros(len(values), bool))
        except DamagedError:
            array = snapshot.array(name)
        values, lost = np.zeros(array.shape, array.dtype), np.zeros(array.shape[0], bool)
        for start in range(0, array.shape[0], array.chunks[0]):
            here = slice(start, start + array.chunks[0])
            try:
                values[here] = snapshot.column(name, here)
            except DamagedError:
                lost[here] = True
        return Column(values, lost)


def verify(snapshot: Snapshot, progress: Progress = lambda done, whole: None) -> Verification:
    """What of a published snapshot is not as it was written, row by row.

    Every row should be made and judged, every pixel as written. Rows of earlier releases have no
    checksum: of them only what their reasons say is held against their pixels.
    """
    known = [name for name in COLUMNS if name != "checksum" or snapshot.holds(name)]
    columns = {name: Column.of(snapshot, name) for name in known}
    faults = [
        *(_lost(name, column) for name, column in columns.items()),
        *_rows_at_fault(columns),
        *_shards_at_fault(snapshot),
        *_prompts_at_fault(snapshot, columns),
        *_pairs_at_fault(snapshot, columns, progress),
    ]
    states = columns["status"].values[~columns["status"].lost]
    counts = {state.name.lower(): int((states == state).sum()) for state in Status}
    return Verification(tuple(fault for fault in faults if len(fault.rows)), counts)


def _lost(name: str, column: Column) -> Fault:
    return Fault(f"have no {name} that can be read", np.flatnonzero(column.lost), COLUMNS[name])


def _made(columns: dict[str, Column]) -> NDArray[np.bool_]:
    return columns["status"].lost | (columns["status"].values != Status.EMPTY)


def _rows_at_fault(columns: dict[str, Column]) -> Iterator[Fault]:
    status, reason, prompt = (columns[name] for name in ("status", "reason", "prompt"))
    known = ~(status.lost | reason.lost)
    accepted = (status.values == Status.ACCEPTED) & (reason.values != 0)
    rejected = (status.values == Status.REJECTED) & (reason.values == 0)
    at, made = np.arange(len(prompt.values)), _made(columns)
    unjudged = status.values == Status.MADE
    yield Fault("hold no pair", np.flatnonzero(~made), Cure.NONE)
    yield Fault("were never judged", np.flatnonzero(unjudged), Cure.NONE)
    unlike = known & (accepted | rejected)
    yield Fault("have a verdict unlike its reasons", np.flatnonzero(unlike), Cure.NONE)
    other = made & ~prompt.lost & (prompt.values != at)
    yield Fault("name another prompt", np.flatnonzero(other), Cure.DERIVED)


def _shards_at_fault(snapshot: Snapshot) -> Iterator[Fault]:
    done = Column.of(snapshot, "shard_done")
    open_ = np.flatnonzero(done.lost | ~done.values.astype(bool))
    yield Fault("are not marked as done", open_, Cure.DERIVED, "shards")


def _prompts_at_fault(snapshot: Snapshot, columns: dict[str, Column]) -> Iterator[Fault]:
    try:
        table = snapshot.table
    except DamagedError:
        every = np.arange(len(snapshot))
        yield Fault("have no prompt that can be read", every, Cure.NONE)
        return
    seed, asked = columns["seed"], table.seeds
    other = _made(columns) & ~seed.lost & (seed.values != asked)
    yield Fault("have words unlike the digest of their prompt", table.altered(), Cure.NONE)
    yield Fault("were made from another seed", np.flatnonzero(other), Cure.DERIVED)


def _pairs_at_fault(
    snapshot: Snapshot, columns: dict[str, Column], progress: Progress
) -> Iterator[Fault]:
    rows = np.flatnonzero(_made(columns))
    found: dict[str, list[Rows]] = {"unreadable": [], "changed": [], "unlike": []}
    for here, pairs in _read(snapshot, rows):
        if pairs is None:
            found["unreadable"].append(here)
        else:
            changed = _changed(here, pairs, columns)
            found["changed"].append(here[changed])
            found["unlike"].append(here[_unlike(snapshot, here, pairs, columns) & ~changed])
        progress(int(np.searchsorted(rows, here[-1], "right")), len(rows))
    at = {name: np.concatenate([np.empty(0, np.int64), *parts]) for name, parts in found.items()}
    yield Fault("cannot be read", at["unreadable"])
    yield Fault("hold other bytes than were written", at["changed"])
    words = "have pixels that their stored reasons do not explain"
    yield Fault(words, at["unlike"], Cure.NONE)


def _changed(here: Rows, pairs: PairBatch, columns: dict[str, Column]) -> NDArray[np.bool_]:
    if "checksum" not in columns:
        return np.zeros(len(here), bool)
    written = columns["checksum"].values[here]  # 0, which is unknown, where it is lost
    return (written != UNKNOWN) & (written != checksums(pairs))


def _unlike(
    snapshot: Snapshot, here: Rows, pairs: PairBatch, columns: dict[str, Column]
) -> NDArray[np.bool_]:
    if "domain" not in pairs.facets:
        return np.zeros(len(here), bool)
    masked, reason = bool(snapshot.attributes.get("masked", True)), columns["reason"]
    found = check(pairs, snapshot.label_maps, masked=masked) & PIXEL_REASONS
    stored = reason.values[here].astype(np.uint32) & PIXEL_REASONS
    return (found != stored) & ~reason.lost[here]


def _read(snapshot: Snapshot, rows: Rows) -> Iterator[tuple[Rows, Pairs]]:
    """The pairs of some rows, a block at a time; None where they cannot be read, chunk by chunk."""
    for start in range(0, len(rows), BLOCK):
        yield from _halved(snapshot, rows[start : start + BLOCK])


def _halved(snapshot: Snapshot, rows: Rows) -> Iterator[tuple[Rows, Pairs]]:
    try:
        yield rows, snapshot.pixels(rows, _facets(snapshot, rows))
    except DamagedError:
        chunks = rows // snapshot.layout.chunk
        parts = np.unique(chunks)
        if len(parts) == 1:
            yield rows, None
            return
        cut = int(np.searchsorted(chunks, parts[len(parts) // 2]))
        yield from _halved(snapshot, rows[:cut])
        yield from _halved(snapshot, rows[cut:])


def _facets(snapshot: Snapshot, rows: Rows) -> pd.DataFrame:
    try:
        return snapshot.facets(rows)
    except DamagedError:
        return pd.DataFrame(index=range(len(rows)))
