"""The lake's tables: their columns, and which of these name a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

KEY = ("subject", "reference", "judge", "metric", "parameters", "version")
KEY_FIELDS = [(name, pa.string()) for name in KEY[:-1]] + [("version", pa.int32())]
RECORDED = ("recorded_at", pa.timestamp("us", tz="UTC"))
BESIDE = {"recorded_at", "author"}  # when and by whom something is said, not what


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        schema: its columns.
        key: those that name a row. Where `recorded_at` is one, the rows are a history of facts, of
            which none is ever written over.
        parted_by: those that part its files.
    """

    schema: pa.Schema
    key: tuple[str, ...]
    parted_by: tuple[str, ...] = ()

    @property
    def about(self) -> tuple[str, ...]:
        """The columns that say what a row is about."""
        return tuple(name for name in self.key if name not in BESIDE)

    @property
    def said(self) -> tuple[str, ...]:
        """The columns that say something of it."""
        return tuple(name for name in self.schema.names if name not in {*self.key, *BESIDE})


TABLES: Mapping[str, Table] = {
    "scores": Table(
        pa.schema(
            [
                *KEY_FIELDS,
                ("data_set", pa.string()),
                ("value", pa.float64()),
                ("low", pa.float64()),
                ("high", pa.float64()),
                ("n", pa.int64()),
                ("unit", pa.string()),
                ("higher_is_better", pa.bool_()),
                ("parameters_json", pa.string()),
                RECORDED,
            ]
        ),
        KEY,
    ),
    "pair_scores": Table(
        pa.schema(
            [
                *KEY_FIELDS,
                ("row", pa.int64()),
                ("domain", pa.string()),
                ("value", pa.float64()),
                RECORDED,
            ]
        ),
        (*KEY, "row"),
        ("subject", "metric"),
    ),
    "scorings": Table(
        pa.schema(
            [
                ("subject", pa.string()),
                ("reference", pa.string()),
                ("judge", pa.string()),
                ("terms", pa.string()),
                ("data_set", pa.string()),
                ("pairs", pa.string()),
                ("scores", pa.string()),
                RECORDED,
            ]
        ),
        ("subject", "reference", "judge", "terms"),
    ),
    "rejections": Table(
        pa.schema(
            [
                ("data_set", pa.string()),
                ("snapshot", pa.string()),
                ("row", pa.int64()),
                ("domain", pa.string()),
                ("reason", pa.string()),
                RECORDED,
            ]
        ),
        ("snapshot", "row"),
        ("snapshot",),
    ),
    "decisions": Table(
        pa.schema(
            [
                ("data_set", pa.string()),
                ("snapshot", pa.string()),
                ("reference", pa.string()),
                ("judge", pa.string()),
                ("gates", pa.string()),
                ("passed", pa.bool_()),
                ("evidence", pa.string()),
                ("run", pa.string()),
                ("author", pa.string()),
                RECORDED,
            ]
        ),
        ("data_set", "snapshot", "reference", "judge", "recorded_at"),
    ),
    "versions": Table(
        pa.schema(
            [
                ("data_set", pa.string()),
                ("number", pa.int32()),
                ("event", pa.string()),
                ("snapshot", pa.string()),
                ("run", pa.string()),
                ("reason", pa.string()),
                RECORDED,
            ]
        ),
        ("data_set", "number", "event", "recorded_at"),
    ),
    "reader_answers": Table(
        pa.schema(
            [
                ("reading", pa.string()),
                ("name", pa.string()),
                ("data_set", pa.string()),
                ("snapshot", pa.string()),
                ("reader", pa.string()),
                ("item", pa.string()),
                ("domain", pa.string()),
                ("truth", pa.string()),
                ("row", pa.int64()),
                ("answer", pa.string()),
                ("grade", pa.int32()),
                ("comment", pa.string()),
                ("seconds", pa.float64()),
                RECORDED,
            ]
        ),
        ("reading", "snapshot", "reader", "item"),
    ),
    "reader_scores": Table(
        pa.schema(
            [
                ("reading", pa.string()),
                ("name", pa.string()),
                ("data_set", pa.string()),
                ("snapshot", pa.string()),
                ("reader", pa.string()),
                ("domain", pa.string()),
                ("statistic", pa.string()),
                ("value", pa.float64()),
                ("low", pa.float64()),
                ("high", pa.float64()),
                ("n", pa.int64()),
                RECORDED,
            ]
        ),
        ("reading", "snapshot", "reader", "domain", "statistic"),
    ),
    "loop_rounds": Table(
        pa.schema(
            [
                ("loop", pa.string()),
                ("data_set", pa.string()),
                ("rule", pa.string()),
                ("round", pa.int32()),
                ("snapshot", pa.string()),
                ("version", pa.string()),
                ("facet", pa.string()),
                ("asked", pa.int64()),
                ("pairs", pa.int64()),
                ("accepted", pa.float64()),
                ("real", pa.float64()),
                ("error", pa.float64()),
                ("error_spread", pa.float64()),
                ("cases", pa.int64()),
                ("trust", pa.float64()),
                ("trust_spread", pa.float64()),
                ("level", pa.float64()),
                ("level_low", pa.float64()),
                ("level_high", pa.float64()),
                ("gain", pa.float64()),
                ("gain_low", pa.float64()),
                ("gain_high", pa.float64()),
                RECORDED,
            ]
        ),
        ("loop", "round", "facet"),
    ),
    "consents": Table(
        pa.schema([("data_set", pa.string()), ("show_real", pa.bool_()), RECORDED]),
        ("data_set", "recorded_at"),
    ),
    "test_openings": Table(
        pa.schema(
            [
                ("subject", pa.string()),
                ("reference", pa.string()),
                ("purpose", pa.string()),
                RECORDED,
            ]
        ),
        ("subject", "reference", "purpose", "recorded_at"),
    ),
}


@dataclass(frozen=True)
class ScoreKey:
    """What a score is about.

    Attributes:
        subject: snapshot of a data set, or content digest of a folder.
        reference: digest of the real data it was held against, "" for none.
        judge: digest of the model that judged, "" for none.
        data_set: name, for people; not part of the key.
    """

    subject: str
    reference: str = ""
    judge: str = ""
    data_set: str = ""

    @property
    def key(self) -> dict[str, str]:
        """The columns that name it."""
        return {"subject": self.subject, "reference": self.reference, "judge": self.judge}


def as_json(value: object) -> str:
    """One text for equal values, whatever the order of keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def literal(value: object) -> str:
    """A value as it stands in a predicate."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
