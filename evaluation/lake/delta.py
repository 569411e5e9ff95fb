"""Delta tables below one folder or object store: opened, checked, merged, replaced, tidied up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema, write_deltalake
from deltalake.exceptions import DeltaError
from filelock import FileLock

from evaluation.errors import DamagedError, InputError
from evaluation.lake.tables import TABLES, literal

FORMAT = 1
FORMAT_KEY = "medpair.format"
# What only a table remembers, and what else has its rows measured again.
LOST = {
    "versions": "which versions were withdrawn or promoted is forgotten then, not their numbers",
    "decisions": "who decided on which evidence is forgotten then",
    "test_openings": "how often the test split was looked at is forgotten then",
}
MEASURED = "its rows are measured again by the next run, or by `medpair evaluate`"
UNREADABLE = (DeltaError, pa.ArrowException, OSError)


@dataclass(frozen=True)
class Delta:
    """The tables of `evaluation.lake.tables.TABLES`; each appears with its first row."""

    uri: str

    def dataset(self, name: str, version: int | None = None, at: datetime | None = None) -> Any:  # noqa: ANN401  # a pyarrow Dataset or Table, untyped
        """A table as it is, or as it was; an empty one where nothing was ever written.

        Args:
            name: of the table.
            version: number of one of its states; the first is 0.
            at: a moment with a time zone; the state that held then.

        Raises:
            InputError: if the table is not one this release reads, or never had such a state.
            DamagedError: if it cannot be read any more.
        """
        with self.readable(name):
            if not DeltaTable.is_deltatable(self._path(name)):
                return TABLES[name].schema.empty_table()
            table = self._open(name)
            if version is not None or at is not None:
                _travel(table, name, version, at)
            return table.to_pyarrow_dataset()

    @contextmanager
    def readable(self, name: str) -> Iterator[None]:
        """Says in one line that a table cannot be read any more, where the block fails at it.

        Raises:
            DamagedError: in place of what the libraries raise.
        """
        try:
            yield
        except UNREADABLE as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise DamagedError(
                f"table {name} of the lake, {self._path(name)}, is damaged ({first[:200]}): put it "
                f"back from a copy of the home, or move that folder away; {LOST.get(name, MEASURED)}"
            ) from error

    def check(self, name: str) -> None:
        """Whether a table and all its files can be opened; their ends are read, not every row.

        Raises:
            DamagedError: if not.
        """
        with self.readable(name):
            found = self.dataset(name)
            if not isinstance(found, pa.Table):
                found.count_rows()

    def merge(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Writes rows, in place of those of the same key that say something else.

        One that says the same stays, since when it is known too.
        """
        if not rows:
            return
        source, table = _stamped(name, rows), TABLES[name]
        same = " AND ".join(f"new.{column} = old.{column}" for column in table.key)
        other = " OR ".join(f"(new.{each} IS DISTINCT FROM old.{each})" for each in table.said)
        with self.lock(), self.readable(name):
            merge = self._writable(name).merge(source, same, "new", "old")
            merge.when_matched_update_all(other).when_not_matched_insert_all().execute()

    def append(self, name: str, row: Mapping[str, object]) -> None:
        """Writes a row beside those about the same: each is one of a history."""
        with self.lock(), self.readable(name):
            write_deltalake(self._writable(name), _stamped(name, [row]), mode="append")

    def append_change(self, name: str, row: Mapping[str, object]) -> None:
        """Likewise, unless the newest about the same says the same."""
        said, new = list(TABLES[name].said), _stamped(name, [row])
        with self.lock():
            before = self.like(name, new, TABLES[name].about).sort_by("recorded_at")
            if before.select(said).to_pylist()[-1:] != new.select(said).to_pylist():
                self.append(name, row)

    def put(self, name: str, rows: pa.Table, key: Mapping[str, str]) -> None:
        """Writes rows, possibly none, in place of all that match, unless these say the same."""
        said = [(each, "ascending") for each in (*TABLES[name].about, *TABLES[name].said)]
        with self.lock():
            before = self.like(name, pa.table({each: [key[each]] for each in key}), list(key))
            old, new = (part.sort_by(said).drop_columns("recorded_at") for part in (before, rows))
            if not old.equals(new):
                self.overwrite(name, rows, [key])

    def like(self, name: str, rows: pa.Table, group: Sequence[str]) -> pa.Table:
        """The rows of a table that agree with one of these in the columns `group`."""
        dataset, where = self.dataset(name), pc.scalar(False)
        for key in _keys(rows, group):
            same = reduce(and_, [pc.field(column) == value for column, value in key.items()])
            where = where | same
        with self.readable(name):
            found = dataset if isinstance(dataset, pa.Table) else dataset.to_table(filter=where)
        return found.select(TABLES[name].schema.names).cast(TABLES[name].schema)

    def replace(self, name: str, rows: pa.Table, group: Sequence[str]) -> None:
        """Writes rows in place of all that agree with one of them in the columns `group`."""
        self.overwrite(name, rows, _keys(rows, group))

    def overwrite(self, name: str, rows: pa.Table, keys: Sequence[Mapping[str, object]]) -> None:
        """Writes rows, possibly none, in place of all that match one of these values of columns."""
        predicate = " OR ".join(
            "(" + " AND ".join(f"{column} = {literal(key[column])}" for column in key) + ")"
            for key in keys
        )
        with self.lock(), self.readable(name):
            write_deltalake(self._writable(name), rows, mode="overwrite", predicate=predicate)

    def compact(self) -> int:
        """Merges small files and removes those no version of the last week needs: their number."""
        removed = 0
        for name in TABLES:
            with self.lock(), self.readable(name):
                if DeltaTable.is_deltatable(self._path(name)):
                    table = self._open(name)
                    table.optimize.compact()
                    removed += len(table.vacuum(dry_run=False))
        return removed

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One writer at a time on a file system; an object store refuses a lost update itself."""
        if "://" in self.uri:
            yield
            return
        folder = Path(self.uri)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", is_singleton=True):
            yield

    def _path(self, name: str) -> str:
        return f"{self.uri.rstrip('/')}/{name}"

    def _open(self, name: str) -> DeltaTable:
        table = DeltaTable(self._path(name))
        found = int(table.metadata().configuration.get(FORMAT_KEY, FORMAT))
        if found > FORMAT:
            raise InputError(
                f"lake table {name} has format {found} and this release reads up to {FORMAT}: "
                "its columns may mean something else; upgrade medpair-factory"
            )
        if wrong := list(_differing(table.schema(), Schema.from_arrow(TABLES[name].schema))):
            raise InputError(
                f"lake table {self._path(name)} {'; '.join(wrong)}: another program or release "
                "wrote it, and its rows would be misread; move that folder away, or name another "
                "lake with MEDPAIR_LAKE"
            )
        return table

    def _writable(self, name: str) -> DeltaTable:
        table = TABLES[name]
        DeltaTable.create(
            self._path(name),
            schema=table.schema,
            mode="ignore",
            partition_by=list(table.parted_by),
            configuration={FORMAT_KEY: str(FORMAT)},
            raise_if_key_not_exists=False,
        )
        return self._open(name)


def _stamped(name: str, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Rows with the moment at which they are recorded, unless they bring one along."""
    stamped = [{"recorded_at": datetime.now(UTC), **row} for row in rows]
    return pa.Table.from_pylist(stamped, schema=TABLES[name].schema)


def _keys(rows: pa.Table, group: Sequence[str]) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = (
        rows.select(list(group)).group_by(list(group)).aggregate([]).to_pylist()
    )
    return keys


def _differing(found: Schema, expected: Schema) -> Iterator[str]:
    """How the columns of a table differ from what they should be, a phrase for each."""
    ours, theirs = (
        {field.name: str(getattr(field.type, "type", field.type)) for field in schema.fields}
        for schema in (expected, found)
    )
    if lacking := [name for name in ours if name not in theirs]:
        yield f"lacks {', '.join(lacking)}"
    if unknown := [name for name in theirs if name not in ours]:
        yield f"has unknown {', '.join(unknown)}"
    for name in ours.keys() & theirs.keys():
        if ours[name] != theirs[name]:
            yield f"has {name} as {theirs[name]}, not {ours[name]}"


def _travel(table: DeltaTable, name: str, version: int | None, at: datetime | None) -> None:
    if version is not None and at is not None:
        raise InputError("a version and a moment were given, which may be two states; give one")
    if at is not None and at.tzinfo is None:
        raise InputError(f"{at} has no time zone, so it names no moment; add one, such as +00:00")
    try:
        table.load_as_version(version if version is not None else at)
    except DeltaError as error:
        raise InputError(
            f"lake table {name} has no state {version if at is None else at}: its newest is "
            f"{table.version()}, and what is older than a week may have been cleaned up"
        ) from error
