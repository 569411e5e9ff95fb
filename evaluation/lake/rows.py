"""Rows of the lake's tables: what each is made of, and why some cannot be kept."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from evaluation.errors import InputError
from evaluation.gating.pair_metrics import PAIR_NUMBERS
from evaluation.lake.tables import KEY, TABLES, ScoreKey, as_json
from evaluation.metrics.former_names import name_now
from evaluation.metrics.registry import METRICS, Score


def key_of(score: Score) -> list[object]:
    """What names a score among those about one thing: metric, digest of parameters, version."""
    known = METRICS.get(score.metric)
    return [score.metric, _digest(score.parameters), known.version if known else None]


def _digest(parameters: Mapping[str, object]) -> str:
    return hashlib.sha256(as_json(dict(parameters)).encode()).hexdigest()[:16]


def score_row(about: ScoreKey, score: Score) -> dict[str, object]:
    """A row of the table scores."""
    metric, parameters, version = key_of(score)
    return {
        **about.key,
        "metric": metric,
        "parameters": parameters,
        "version": version,
        "data_set": about.data_set,
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "n": score.n,
        "unit": score.unit,
        "higher_is_better": score.higher_is_better,
        "parameters_json": as_json(score.parameters),
    }


def pair_rows(about: ScoreKey, table: pd.DataFrame, metric: str) -> pa.Table:
    """Rows of the table pair_scores: one column of a table with a row per pair."""
    count = len(table)
    version = PAIR_NUMBERS[metric].version
    key = [about.subject, about.reference, about.judge, metric, _digest({}), version]
    domain = table["domain"] if "domain" in table else [""] * count
    columns = {
        **{name: [value] * count for name, value in zip(KEY, key, strict=True)},
        "row": table["row"].to_numpy(),
        "domain": list(domain),
        "value": table[metric].to_numpy(float),
        "recorded_at": [datetime.now(UTC)] * count,
    }
    return pa.table(columns, schema=TABLES["pair_scores"].schema)


def rejection_rows(about: ScoreKey, table: pd.DataFrame) -> pa.Table:
    """Rows of the table rejections: columns row, domain and reason of a table."""
    count = len(table)
    columns = {
        "data_set": [about.data_set] * count,
        "snapshot": [about.subject] * count,
        **{name: table[name].tolist() for name in ("row", "domain", "reason")},
        "recorded_at": [datetime.now(UTC)] * count,
    }
    return pa.table(columns, schema=TABLES["rejections"].schema)


def score_of(row: Mapping[Any, Any]) -> Score:
    """The score that `score_row` wrote."""
    direction = row["higher_is_better"]
    return Score(
        row["metric"],
        row["value"],
        row["low"],
        row["high"],
        int(row["n"]),
        row["unit"],
        None if direction is None or pd.isna(direction) else bool(direction),
        json.loads(row["parameters_json"]),
    )


def failures(evidence: str) -> str:
    """Which gates failed and by how much, of a decision's evidence as the lake keeps it."""
    return "; ".join(gate["reason"] for gate in json.loads(evidence) if not gate["passed"])


def by_names_now(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table scores under their names of now; of two of one key the newest."""
    if not len(table):
        return table
    renamed = table.assign(metric=table["metric"].map(name_now))
    if renamed["metric"].equals(table["metric"]):
        return renamed
    newest = renamed.sort_values("recorded_at", kind="stable").drop_duplicates(
        list(KEY), keep="last"
    )
    return renamed.loc[newest.index.sort_values()]


def problems(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why these rows of the table scores cannot be kept; none if they can."""
    keys = Counter(tuple(row[name] for name in KEY) for row in rows)
    twice = [f"{key[3]} is there {count} times" for key, count in keys.items() if count > 1]
    return twice + [f"{row['metric']} {fault}" for row in rows for fault in _faults(row)]


def pair_problems(about: ScoreKey, table: pd.DataFrame) -> list[str]:
    """Why a table with a row per pair cannot be kept; none if it can."""
    found = [] if about.subject else ["it names no subject"]
    if "row" not in table or not table["row"].is_unique:
        return [*found, "column row is missing or names a pair twice"]
    if not pd.api.types.is_integer_dtype(table["row"]) or (table["row"] < 0).any():
        found.append("column row holds something else than row numbers")
    for name in metrics_of(table):
        if name not in PAIR_NUMBERS:
            found.append(f"{name} is not a known number of a pair")
        elif not pd.api.types.is_numeric_dtype(table[name]):
            found.append(f"{name} is not numeric, but {table[name].dtype}")
        elif np.isinf(table[name].to_numpy(float)).any():
            found.append(f"{name} is infinite")
    return found


def metrics_of(table: pd.DataFrame) -> list[str]:
    """The columns of a table with a row per pair that hold its numbers."""
    return [str(name) for name in table.columns if name not in {"row", "domain"}]


def _faults(row: Mapping[str, Any]) -> Iterator[str]:
    if not row["subject"]:
        yield "names no subject"
    if row["version"] is None:
        yield "is not a known metric"
    if math.isinf(row["value"]):
        yield "is infinite"
    if row["low"] > row["value"] or row["high"] < row["value"]:
        yield f"= {row['value']:g} lies outside its interval [{row['low']:g}, {row['high']:g}]"
    if row["n"] < 0:
        yield f"has n = {row['n']}"


def refuse(table: str, problems: Sequence[str]) -> None:
    """Raises InputError with every reason against some rows; does nothing where there is none."""
    if problems:
        raise InputError(
            f"rows refused by the lake's table {table}: {'; '.join(problems)}; "
            "nothing was written, correct them and record again"
        )
