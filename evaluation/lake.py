"""The record of everything measured: Delta tables of scores, decisions, versions, openings.

A score is keyed by (subject, reference, judge, metric, parameters, version): the digest or
snapshot of what was scored, of the real data it was held against, of the model that judged, the
metric with its parameters' digest and its version. Recording a key again replaces it atomically.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from filelock import FileLock

from evaluation.errors import InputError
from evaluation.gates import Decision
from evaluation.metrics import Score
from evaluation.tables import (
    KEY,
    TABLES,
    About,
    as_json,
    literal,
    pair_rows,
    problems,
    score_of,
    score_row,
)

FORMAT = 1
FORMAT_KEY = "medpair.format"
READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


@dataclass(frozen=True)
class Lake:
    """The tables below one folder or object store; a table appears with its first row."""

    uri: str

    # Writing

    def record(self, about: About, scores: Sequence[Score]) -> None:
        """Records scores, replacing those of the same key.

        Raises:
            InputError: if a score is not one this lake can keep, with every reason.
        """
        rows = [score_row(about, score) for score in scores]
        _refuse("scores", problems(rows))
        self._merge("scores", rows)

    def record_pairs(self, about: About, table: pd.DataFrame, version: int = 1) -> None:
        """Records a score per pair, replacing all rows of the same subject and metric.

        Args:
            about: what the scores are about; the subject is the snapshot the pairs were made in.
            table: a column `row`, optionally `domain`, and one numeric column per score.
            version: of how these scores are computed.
        """
        metrics = [name for name in table.columns if name not in {"row", "domain"}]
        if "row" not in table or not table["row"].is_unique:
            _refuse("pair_scores", ["column row is missing or names a pair twice"])
        parts = [pair_rows(about, table, metric, version) for metric in metrics]
        if parts:
            self._replace("pair_scores", pa.concat_tables(parts))

    def decide(self, data_set: str, snapshot: str, run: str, decision: Decision) -> None:
        """Records a decision with its evidence; the same gates on the same snapshot replace it."""
        gates = {verdict.gate: verdict.bound for verdict in decision.verdicts}
        row = {
            "data_set": data_set,
            "snapshot": snapshot,
            "gates": as_json(gates),
            "passed": decision.passed,
            "evidence": as_json(decision.evidence()),
            "run": run,
        }
        self._merge("decisions", [row])

    def allot(self, data_set: str, snapshot: str, run: str, above: int = 0) -> int:
        """The version number of a snapshot: the one it has, else the next; none is used twice.

        Args:
            data_set: name.
            snapshot: what the number will name.
            run: that made it.
            above: highest number known from elsewhere (tags in the store).
        """
        with self._lock():
            events = self.versions(data_set)
            held = events[events["snapshot"] == snapshot]
            if len(held):
                return int(held["number"].iloc[0])
            number = max(int(events["number"].max()) if len(events) else 0, above) + 1
            self._event(data_set, number, "allotted", snapshot, run)
        return number

    def publish(self, data_set: str, number: int, snapshot: str, run: str) -> None:
        """Records that a version is out."""
        self._event(data_set, number, "published", snapshot, run)

    def withdraw(self, data_set: str, number: int, reason: str) -> None:
        """Records that a version should not be used any more; its tag and data stay.

        Raises:
            InputError: if there is no such published version, or no reason is given.
        """
        events = self.versions(data_set)
        out = events[(events["number"] == number) & (events["event"] == "published")]
        if not len(out) or not reason.strip():
            raise InputError(
                f"version v{number} of {data_set!r} cannot be withdrawn: it was never published, "
                "or no reason was given; see `medpair datasets log`"
            )
        self._event(
            data_set, number, "withdrawn", out["snapshot"].iloc[0], out["run"].iloc[0], reason
        )

    def open_test(self, subject: str, reference: str, purpose: str) -> None:
        """Records that the real test split was looked at: each opening wears it out a little."""
        row = {"subject": subject, "reference": reference, "purpose": purpose}
        self._merge("test_openings", [row])

    # Reading

    def read(self, table: str, **equal: str | int) -> pd.DataFrame:
        """Rows of a table whose columns equal these values; no rows where nothing was recorded."""
        dataset, where = self._dataset(table), None
        for column, value in equal.items():
            term = pc.field(column) == value
            where = term if where is None else where & term
        found = dataset if isinstance(dataset, pa.Table) else dataset.to_table(filter=where)
        return found.to_pandas()

    def scores(self, subject: str, **equal: str | int) -> list[Score]:
        """Scores of one subject, oldest first, in the form they were recorded in.

        A metric recorded in several versions is given in the newest.
        """
        rows = self.read("scores", subject=subject, **equal).sort_values("recorded_at")
        newest = rows.groupby("metric")["version"].transform("max")
        return [score_of(row) for row in rows[rows["version"] == newest].to_dict("records")]

    def versions(self, data_set: str) -> pd.DataFrame:
        """Events of a data set's versions: allotted, published, withdrawn, by number."""
        return self.read("versions", data_set=data_set).sort_values(["number", "recorded_at"])

    def query(self, sql: str) -> pd.DataFrame:
        """Answers one SELECT over the tables, in DuckDB's SQL; nothing can be changed by it.

        Raises:
            InputError: if it is not one reading statement, or DuckDB refuses it.
        """
        with duckdb.connect() as connection:
            for name in TABLES:
                # A copy: pushed down to Arrow, DuckDB's string comparisons find no kernel there.
                connection.register("arriving", self._dataset(name))
                connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM arriving')
                connection.unregister("arriving")
            # From here on neither files nor other databases can be reached.
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            try:
                statements = connection.extract_statements(sql)
                if [s.type in READING for s in statements] != [True]:
                    raise InputError(
                        f"{sql!r} is not one SELECT: the lake can only be read; "
                        f"tables: {', '.join(TABLES)}"
                    )
                return connection.execute(statements[0]).df()
            except duckdb.Error as error:
                reason = str(error).splitlines()[0]
                raise InputError(
                    f"the query failed: {reason}; tables: {', '.join(TABLES)}"
                ) from error

    def compact(self) -> int:
        """Merges small files and removes those no version of the last week needs: their number."""
        removed = 0
        for name in TABLES:
            with self._lock():
                if DeltaTable.is_deltatable(self._path(name)):
                    table = self._open(name)
                    table.optimize.compact()
                    removed += len(table.vacuum(dry_run=False))
        return removed

    # Storage

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
        return table

    def _dataset(self, name: str) -> Any:  # noqa: ANN401  # a pyarrow Dataset or Table, untyped
        if DeltaTable.is_deltatable(self._path(name)):
            return self._open(name).to_pyarrow_dataset()
        return TABLES[name].schema.empty_table()

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

    def _merge(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        if not rows:
            return
        stamped = [{**row, "recorded_at": datetime.now(UTC)} for row in rows]
        source = pa.Table.from_pylist(stamped, schema=TABLES[name].schema)
        same = " AND ".join(f"new.{column} = old.{column}" for column in TABLES[name].key)
        with self._lock():
            merge = self._writable(name).merge(source, same, "new", "old")
            merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def _replace(self, name: str, rows: pa.Table) -> None:
        keys = rows.select(KEY).group_by(list(KEY)).aggregate([]).to_pylist()
        predicate = " OR ".join(
            "(" + " AND ".join(f"{column} = {literal(key[column])}" for column in KEY) + ")"
            for key in keys
        )
        with self._lock():
            write_deltalake(self._writable(name), rows, mode="overwrite", predicate=predicate)

    def _event(
        self, data_set: str, number: int, event: str, snapshot: str, run: str, reason: str = ""
    ) -> None:
        row = {"data_set": data_set, "number": number, "event": event, "snapshot": snapshot}
        self._merge("versions", [row | {"run": run, "reason": reason}])

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One writer at a time on a file system; an object store refuses a lost update itself."""
        if urlsplit(self.uri).scheme:
            yield
            return
        folder = Path(self.uri)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", is_singleton=True):
            yield


def _refuse(table: str, problems: Sequence[str]) -> None:
    if problems:
        raise InputError(
            f"rows refused by the lake's table {table}: {'; '.join(problems)}; "
            "nothing was written, correct them and record again"
        )
