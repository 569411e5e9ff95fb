"""The record of everything measured: Delta tables of scores, decisions, versions, openings.

A score is keyed by (subject, reference, judge, metric, parameters, version): the digest or
snapshot of what was scored, of the real data it was held against, of the model that judged, the
metric with its parameters' digest and its version. Recording a key again replaces it atomically
where it says something else. Decisions, events of versions and openings are facts: none is replaced.
A scoring lists the scores that belong together; it is written last, so that one which was cut
short counts as none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evaluation.errors import InputError
from evaluation.gating.pair_metrics import PAIR_NUMBERS
from evaluation.gating.version_gates import Decision
from evaluation.lake.delta import Delta
from evaluation.lake.rows import (
    by_names_now,
    failures,
    key_of,
    metrics_of,
    pair_problems,
    pair_rows,
    problems,
    refuse,
    rejection_rows,
    score_of,
    score_row,
)
from evaluation.lake.sql import answer
from evaluation.lake.tables import KEY, TABLES, ScoreKey, as_json
from evaluation.metrics.former_names import name_now, names_ever
from evaluation.metrics.registry import Score

PROMOTED = "promoted"  # earlier releases wrote "crowned"
LABELLED, RESTORED = "labelled", "restored"
# Tables of what is known of single snapshots, by the column that names these.
OF_SNAPSHOT = {
    "scores": "subject",
    "scorings": "subject",
    "decisions": "snapshot",
    "rejections": "snapshot",
    "reader_answers": "snapshot",
    "reader_scores": "snapshot",
    "loop_rounds": "snapshot",
}


@dataclass(frozen=True)
class Lake:
    """The tables below one folder or object store; a table appears with its first row."""

    uri: str

    @property
    def tables(self) -> Delta:
        return Delta(self.uri)

    def record(self, about: ScoreKey, scores: Sequence[Score]) -> None:
        """Records scores, replacing those of the same key.

        Raises:
            InputError: if a score is not one this lake can keep, with every reason.
        """
        rows = [score_row(about, score) for score in scores]
        refuse("scores", problems(rows))
        self.tables.merge("scores", rows)

    def record_pairs(self, about: ScoreKey, table: pd.DataFrame) -> None:
        """Records numbers per pair, replacing those of the same subject, number and row.

        Rows that are not named stay: their pairs are of the same snapshot, so nothing about
        them has changed.

        Args:
            about: what the numbers are about; the subject is the snapshot the pairs were made in.
            table: a column `row`, optionally `domain`, and one per number of `PAIR_NUMBERS`.

        Raises:
            InputError: if it is no such table, with every reason.
        """
        refuse("pair_scores", pair_problems(about, table))
        parts = [pair_rows(about, table, metric) for metric in metrics_of(table)]
        if parts and len(table):
            new = pa.concat_tables(parts)
            with self.tables.lock():
                old = self.tables.like("pair_scores", new, KEY)
                kept = old.filter(pc.invert(pc.is_in(old["row"], new["row"].combine_chunks())))
                self.tables.replace("pair_scores", pa.concat_tables([kept, new]), KEY)

    def record_scoring(
        self, about: ScoreKey, config_digest: str, pairs: str, scores: Sequence[Score]
    ) -> None:
        """Records that a scoring is complete: these scores, which are all in the lake.

        Args:
            about: what was scored.
            config_digest: of all that the scores depend on besides.
            pairs: the subject of the scores of its single pairs.
            scores: all of them.
        """
        row = {
            **about.key,
            "terms": config_digest,
            "data_set": about.data_set,
            "pairs": pairs,
            "scores": as_json([key_of(score) for score in scores]),
        }
        self.tables.merge("scorings", [row])

    def record_rejections(self, about: ScoreKey, table: pd.DataFrame) -> None:
        """Records which pairs of a snapshot were rejected, in place of anything else recorded before.

        Args:
            about: the snapshot with the verdicts, and its data set.
            table: columns row, domain and reason; no rows where every pair was accepted.
        """
        self.tables.put("rejections", rejection_rows(about, table), {"snapshot": about.subject})

    def decide(self, about: ScoreKey, run: str, decision: Decision, author: str = "") -> None:
        """Records a decision, unless it is what was decided last: that and its date stay.

        Args:
            about: the snapshot, and the real data and the judge of the scores it rests on.
            run: that made the snapshot.
            decision: with its evidence.
            author: the flow run that decided.
        """
        gates = {verdict.gate: verdict.bound for verdict in decision.verdicts}
        row = {
            "data_set": about.data_set,
            "snapshot": about.subject,
            "reference": about.reference,
            "judge": about.judge,
            "gates": as_json(gates),
            "passed": decision.passed,
            "evidence": as_json(decision.evidence()),
            "run": run,
            "author": author,
        }
        self.tables.append_change("decisions", row)

    def allot(self, data_set: str, snapshot: str, run: str, above: int = 0) -> int:
        """The version number of a snapshot: the one it has, else the next; none is used twice.

        Args:
            data_set: name.
            snapshot: what the number will name.
            run: that made it.
            above: highest number known from elsewhere (tags in the store).
        """
        with self.tables.lock():
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

    def announce(self, data_set: str, number: int, snapshot: str, run: str) -> None:
        """Records that whoever waits for versions was told of this one."""
        self._event(data_set, number, "announced", snapshot, run)

    def promote(self, data_set: str, number: int, snapshot: str, run: str, reason: str) -> None:
        """Records that a version is the champion from now on, and why."""
        self._append(data_set, number, PROMOTED, {"snapshot": snapshot, "run": run}, reason)

    def challenge(self, data_set: str, number: int, snapshot: str, run: str, reason: str) -> None:
        """Records that a version did not be promoted, and why."""
        self._event(data_set, number, "challenged", snapshot, run, reason)

    def repair(self, data_set: str, number: int, snapshot: str, run: str, reason: str) -> None:
        """Records that damaged pairs were made anew in a snapshot, and which."""
        self._event(data_set, number, "repaired", snapshot, run, reason)

    def carry_over(self, old: str, new: str) -> None:
        """Records of a snapshot all that is known of another, whose pairs and verdicts are the same.

        Decisions keep their dates, so that the newest is still the one.
        """
        for name, column in OF_SNAPSHOT.items():
            found = self.tables.like(name, pa.table({column: [old]}), (column,))
            self.tables.merge(name, [{**row, column: new} for row in found.to_pylist()])

    def withdraw(self, data_set: str, number: int, reason: str) -> None:
        """Records that a version should not be used any more; its tag and data stay.

        Raises:
            InputError: if there is no such published version, or no reason is given.
        """
        out = self._published(data_set, number, "withdrawn", reason)
        self._event(data_set, number, "withdrawn", out["snapshot"], out["run"], reason)

    def restore(self, data_set: str, number: int, reason: str) -> None:
        """Records that readers get an earlier version again, and why.

        Raises:
            InputError: if there is no such published version, or no reason is given.
        """
        out = self._published(data_set, number, "made the current one", reason)
        self._append(data_set, number, RESTORED, out, reason)

    def label(self, data_set: str, number: int, label: str) -> None:
        """Records that a label names a version from now on.

        Raises:
            InputError: if there is no such published version, or the label is empty.
        """
        out = self._published(data_set, number, "labelled", label)
        self._append(data_set, number, LABELLED, out, label)

    def labels(self, data_set: str) -> dict[str, tuple[int, str]]:
        """Label -> number and snapshot of the version that it names now."""
        events = self.versions(data_set)
        rows = events[events["event"] == LABELLED].sort_values("recorded_at")
        return {
            str(label): (int(number), str(snapshot))
            for label, number, snapshot in zip(
                rows["reason"], rows["number"], rows["snapshot"], strict=True
            )
        }

    def current(self, data_set: str) -> tuple[int, str] | None:
        """Number and snapshot of the version published or restored last; None where none is out."""
        events = self.versions(data_set)
        out = events[events["event"].isin(["published", RESTORED])].sort_values("recorded_at")
        if not len(out):
            return None
        last = out.iloc[-1]
        return int(last["number"]), str(last["snapshot"])

    def open_test(self, subject: str, reference: str, purpose: str) -> None:
        """Records that the real test split was looked at: each opening wears it out a little."""
        row = {"subject": subject, "reference": reference, "purpose": purpose}
        self.tables.append("test_openings", row)

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        at: datetime | None = None,
        **equal: str | int,
    ) -> pd.DataFrame:
        """Rows of a table whose columns equal these values; no rows where nothing was recorded.

        Args:
            table: its name.
            version: of the table, counted from 0: read that state. (Not the column of this name.)
            at: a moment with a time zone: read the state that held then.
            equal: column -> value.

        Raises:
            InputError: if there is no such table or state.
        """
        return self._matching(table, equal, version, at)

    def scores(self, subject: str, **equal: str | int) -> list[Score]:
        """Scores of one subject, oldest first, in the form they were recorded in.

        A metric recorded in several versions is given in the newest, under its name of now.
        """
        rows = self._matching("scores", {"subject": subject, **equal}).sort_values("recorded_at")
        newest = rows.groupby("metric")["version"].transform("max")
        return [score_of(row) for row in rows[rows["version"] == newest].to_dict("records")]

    def scoring(self, about: ScoreKey, config_digest: str) -> list[Score] | None:
        """The scores of a complete scoring; None where it has to be made."""
        scorings = self._matching("scorings", {**about.key, "terms": config_digest})
        if not len(scorings):
            return None
        listed = json.loads(scorings["scores"].iloc[0])
        keys = [(name_now(metric), *rest) for metric, *rest in listed]
        rows = self._matching("scores", about.key).to_dict("records")
        found = {(row["metric"], row["parameters"], row["version"]): row for row in rows}
        lost = any(key not in found for key in keys)
        return None if lost else [score_of(found[key]) for key in keys]

    def decision_scores(self, about: ScoreKey, config_digest: str) -> list[Score]:
        """The scores that a decision may rest on.

        They are those of the scoring, and those against the same real data that need no judge:
        what the pairs are worth. Nothing that another judge said or other real data showed.
        """
        alone = self.scores(about.subject, reference=about.reference, judge="")
        return [*alone, *(self.scoring(about, config_digest) or [])]

    def pair_numbers(
        self, about: ScoreKey, names: Collection[str], rows: Collection[int]
    ) -> pd.DataFrame | None:
        """Numbers of these rows, a column each; None where one has to be worked out."""
        found = self._matching("pair_scores", about.key)
        current = found["metric"].map({name: PAIR_NUMBERS[name].version for name in names})
        table = found[found["version"] == current]
        wide = table.pivot(index="row", columns="metric", values="value")
        if not set(names) <= set(wide.columns) or not set(rows) <= set(wide.index):
            return None
        return wide.loc[list(rows), list(names)].rename_axis(columns=None).reset_index()

    def versions(self, data_set: str) -> pd.DataFrame:
        """Events of a data set's versions (allotted, published, promoted, ...) by number."""
        events = self.read("versions", data_set=data_set).replace({"event": {"crowned": PROMOTED}})
        return events.sort_values(["number", "recorded_at"])

    def refusals(self, data_set: str) -> pd.DataFrame:
        """Snapshots of a data set that a gate kept back: data_set, snapshot, run, reason, recorded_at.

        The reason names each gate that failed and by how much.
        """
        rows = self.read("decisions", data_set=data_set, passed=False)
        return rows[["data_set", "snapshot", "run", "recorded_at"]].assign(
            reason=[failures(evidence) for evidence in rows["evidence"]]
        )

    def champion(self, data_set: str) -> tuple[int, str] | None:
        """Number and snapshot of the version promoted last; None where none was, or all withdrawn."""
        events = self.versions(data_set)
        gone = set(events["number"][events["event"] == "withdrawn"])
        promoted = events[(events["event"] == PROMOTED) & ~events["number"].isin(gone)]
        if not len(promoted):
            return None
        last = promoted.sort_values("recorded_at").iloc[-1]
        return int(last["number"]), str(last["snapshot"])

    def query(self, sql: str, at: datetime | None = None) -> pd.DataFrame:
        """Answers one SELECT over tables and views, in DuckDB's SQL; nothing can be changed by it.

        Args:
            sql: the statement.
            at: a moment with a time zone: ask the lake as it was then.

        Raises:
            InputError: if it is not one reading statement, or DuckDB refuses it.
        """
        return answer(sql, {name: self._table(name, at=at) for name in TABLES})

    def compact(self) -> int:
        """Merges small files and removes those no version of the last week needs: their number."""
        return self.tables.compact()

    def _table(self, name: str, version: int | None = None, at: datetime | None = None) -> Any:  # noqa: ANN401  # a pyarrow Dataset or Table, untyped
        if name not in TABLES:
            raise InputError(f"the lake has no table {name!r}; it has {', '.join(TABLES)}")
        return self.tables.dataset(name, version, at)

    def _matching(
        self,
        name: str,
        equal: Mapping[str, str | int],
        version: int | None = None,
        at: datetime | None = None,
    ) -> pd.DataFrame:
        """The rows of a table whose columns equal these values; scores by their names of now."""
        table = self._table(name, version, at)
        metric = {"metric"} & set(equal) if name == "scores" else set()
        terms = [pc.field(column) == equal[column] for column in equal if column not in metric]
        terms += [pc.field(column).isin(names_ever(str(equal[column]))) for column in metric]
        where = reduce(and_, terms) if terms else None
        with self.tables.readable(name):
            found = table if isinstance(table, pa.Table) else table.to_table(filter=where)
        rows: pd.DataFrame = found.to_pandas()
        return by_names_now(rows) if name == "scores" else rows

    def _published(self, data_set: str, number: int, wanted: str, why: str) -> Mapping[Any, Any]:
        """The event by which a version came out; `wanted` is what is to be done with it."""
        events = self.versions(data_set)
        out = events[(events["number"] == number) & (events["event"] == "published")]
        if not len(out) or not why.strip():
            raise InputError(
                f"version v{number} of {data_set!r} cannot be {wanted}: it was never published, "
                "or no reason was given; see `medpair datasets log`"
            )
        return dict(out.iloc[0])

    def _append(
        self, data_set: str, number: int, event: str, out: Mapping[Any, Any], reason: str
    ) -> None:
        row = {"data_set": data_set, "number": number, "event": event, "reason": reason}
        self.tables.append("versions", row | {name: out[name] for name in ("snapshot", "run")})

    def _event(
        self, data_set: str, number: int, event: str, snapshot: str, run: str, reason: str = ""
    ) -> None:
        row = {"data_set": data_set, "number": number, "event": event, "snapshot": snapshot}
        self.tables.append_change("versions", row | {"run": run, "reason": reason})
