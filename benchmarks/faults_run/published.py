"""What a run came to, without what every run draws for itself: names of snapshots, and times."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from evaluation.lake.lake import Lake
from factory.store.checks import Reason
from factory.store.repository import Store
from factory.store.snapshot import Snapshot

DRAWN = ("subject", "recorded_at", "snapshot", "author")


@dataclass(frozen=True)
class Published:
    """Everything by which two runs can be told apart.

    Attributes:
        arrays: version and name of an array -> SHA-256 of shape, type and bytes.
        attributes: version -> SHA-256 of what the store says of it.
        events: event of a version in the lake -> how often.
        scores: of all versions, and of their pairs: SHA-256 of the sorted rows by table.
        commits: number of a shard -> how often it was committed on the way to any version.
    """

    arrays: Mapping[str, str]
    attributes: Mapping[str, str]
    events: Mapping[str, int]
    scores: Mapping[str, str]
    commits: Mapping[int, int]

    def differences(self, other: Published) -> list[str]:
        """Names of all in which they differ; none where they are the same."""
        return [
            f"{part} {name}"
            for part in vars(self)
            for name in sorted({*getattr(self, part), *getattr(other, part)}, key=str)
            if getattr(self, part).get(name) != getattr(other, part).get(name)
        ]


def published(home: Path, name: str) -> Published:
    """What lies in a home, of one data set."""
    store, lake = Store(str(home / "pairs"), name), Lake(str(home / "lake"))
    versions = {tag: store.snapshot(tag) for tag in store.tags()}
    return Published(
        arrays={
            f"{tag} {array}": digest
            for tag, snapshot in versions.items()
            for array, digest in array_digests(snapshot).items()
        },
        attributes={tag: _of_attributes(snapshot) for tag, snapshot in versions.items()},
        events=Counter(
            f"v{row['number']} {row['event']}" for row in lake.versions(name).to_dict("records")
        ),
        scores={
            f"{tag} {table}": rows
            for tag, snapshot in versions.items()
            for table, rows in _scores(lake, snapshot)
        },
        commits=Counter(_shards(store)),
    )


def array_digests(snapshot: Snapshot) -> dict[str, str]:
    """SHA-256 of every array of a snapshot."""
    return {name: _sha(np.asarray(array[:])) for name, array in snapshot.group.arrays()}


def _sha(array: np.ndarray) -> str:
    sha = hashlib.sha256(repr((array.shape, str(array.dtype))).encode())
    plain = array.dtype.kind in "biuf"
    sha.update(array.tobytes() if plain else json.dumps(array.tolist()).encode())
    return sha.hexdigest()


def _of_attributes(snapshot: Snapshot) -> str:
    told = {name: value for name, value in snapshot.attributes.items() if name != "base"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _scores(lake: Lake, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    yield "scores", _rows(lake.read("scores", subject=snapshot.id))
    yield "pair_scores", _rows(lake.read("pair_scores", subject=snapshot.pairs_id))
    yield "scorings", _rows(lake.read("scorings", subject=snapshot.id).drop(columns="pairs"))
    yield "decisions", _rows(lake.read("decisions", snapshot=snapshot.id))
    yield "rejections", _rows(lake.read("rejections", snapshot=snapshot.id))


def _rows(table: pd.DataFrame) -> str:
    """Digest of the rows in an order of their own; one that is there twice counts twice."""
    kept = table.drop(columns=[name for name in DRAWN if name in table])
    rows = sorted(json.dumps(row, sort_keys=True) for row in kept.to_dict("records"))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _shards(store: Store) -> Iterator[int]:
    for entry in store.log():
        if entry.metadata.get("kind") == "pairs":
            yield from map(int, cast("list[int]", entry.metadata["shards"]))


def differences_beside(row: int, home: Path, undisturbed: Path, name: str) -> list[str]:
    """Arrays of v1 that differ in another row than the one at which the generator fails.

    Args:
        row: whose pair is rejected for the failure.
        home: of the run with the failure.
        undisturbed: home of a run without.
        name: of the data set.
    """
    ours, theirs = (Store(str(each / "pairs"), name).snapshot("v1") for each in (home, undisturbed))
    known = dict(theirs.group.arrays())
    found = [
        f"v1 {array}"
        for array, values in ours.group.arrays()
        if _sha(_others(values[:], row, ours)) != _sha(_others(known[array][:], row, ours))
    ]
    failed = ours.reason[row] == Reason.GENERATOR_FAILED and ours.rejected().tolist() == [row]
    return found if failed else [*found, f"v1 reason of row {row}"]


def _others(values: np.ndarray, row: int, snapshot: Snapshot) -> np.ndarray:
    return np.delete(values, row, 0) if len(values) == len(snapshot) else np.asarray(values)
