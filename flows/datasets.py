"""What can be asked of the data sets of a home: their versions, what these hold, copies of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

import evaluation.errors
from evaluation.lake.lake import Lake
from evaluation.metrics.registry import Score, headlines
from evaluation.report.answers.answer import Answer, answers
from factory.errors import DamagedError, InputError
from factory.identity import is_version, plain_name
from factory.places import check_empty, named_place
from factory.store.at_rest.garbage import Garbage, free
from factory.store.at_rest.verification import Verification, verify
from factory.store.repository import MAIN, Entry, Store
from factory.store.snapshot import Snapshot
from factory.store.versions import data_sets, describe
from factory.store.versions import diff as difference
from factory.vocabulary import unknown_name
from tasks.services.progress import stage
from tasks.services.settings import Settings
from tasks.withdrawal import versions_left, warn_of_withdrawn, withdrawal


@dataclass(frozen=True)
class Version:
    """A data set at one version: "demo", "demo@v2", "demo@approved", "demo@run-0123456789ab"."""

    name: str
    ref: str = MAIN

    @staticmethod
    def parse(text: str) -> Version:
        """The version that DATASET or DATASET@VERSION names."""
        name, _, ref = text.partition("@")
        return Version(plain_name(name), ref or MAIN)

    def __str__(self) -> str:
        return self.name if self.ref == MAIN else f"{self.name}@{self.ref}"

    def snapshot(self, settings: Settings) -> Snapshot:
        """The snapshot it names; warns where that is withdrawn.

        Raises:
            InputError: if there is no such data set or version.
        """
        found = Store(settings.pairs, self.name).snapshot(self.ref)
        warn_of_withdrawn(Lake(settings.lake), self.name, found.id)
        return found


def current_version(store: Store) -> str:
    """Tag of the version that readers of a data set get; "" where none is out."""
    head = store.head(MAIN)
    return next((tag for tag, at in store.tags().items() if at == head), "")


@dataclass(frozen=True)
class DataSet:
    """A data set at a glance: the version that readers get and what that holds.

    Attributes:
        name: of the data set.
        version: None where none is out.
        versions: how many there are.
        pairs: of the version.
        uri: where it lies.
        damage: why nothing of this is known, "" where it is.
        withdrawn: that the version is, and why; "" where it is not.
    """

    name: str
    version: str | None
    versions: int
    pairs: int
    uri: str
    damage: str = ""
    withdrawn: str = ""


def datasets(settings: Settings) -> list[DataSet]:
    """Every data set of the home."""
    lake = Lake(settings.lake)
    return [_glance(Store(settings.pairs, name), lake) for name in data_sets(settings.pairs)]


@dataclass(frozen=True)
class History:
    """What happened to a data set.

    Attributes:
        log: its snapshots.
        versions: what became of its versions.
        refusals: snapshots that a gate kept back, and why.
    """

    log: list[Entry]
    versions: list[dict[str, object]]
    refusals: list[dict[str, object]]


def log(name: str, settings: Settings) -> History:
    """The history of a data set, newest first."""
    entries = Store(settings.pairs, plain_name(name)).log()
    lake = Lake(settings.lake)
    events, refused = (
        rows(table.sort_values("recorded_at", ascending=False).drop(columns="data_set"))
        for table in (lake.versions(name), lake.refusals(name))
    )
    return History(entries, events, refused)


@dataclass(frozen=True)
class Facts:
    """What a version holds and where it comes from.

    Attributes:
        fields: see `factory.store.versions.describe`.
        scores: headlines against its own source, by name.
        answers: what these and those of single domains say in short.
    """

    fields: dict[str, Any]
    scores: dict[str, Score]
    answers: tuple[Answer, ...]

    def plain(self) -> dict[str, object]:
        """The fields, and the value of each score."""
        values = {name: score.value for name, score in self.scores.items()}
        return {**self.fields, "scores": values}


def show(version: Version, settings: Settings) -> Facts:
    """What a version holds, where it comes from, and its headline scores against its own source."""
    # Scores are found by the real data they were made against, and that is read by every library.
    from tasks.provenance import own_scores

    snapshot = version.snapshot(settings)
    known = own_scores(Lake(settings.lake), snapshot) if len(snapshot) else []
    return Facts(describe(snapshot), headlines(known), answers(known))


@dataclass(frozen=True)
class Difference:
    """The prompts whose pairs differ between two versions.

    Attributes:
        counts: of each change, as `factory.store.versions.diff` calls it.
        by_domain: domain -> the same.
        changes: a row each: prompt, change, old_row and new_row (None where there is none), facets.
    """

    counts: dict[str, int]
    by_domain: dict[str, dict[str, int]]
    changes: list[dict[str, object]]


def diff(name: str, old: str, new: str, settings: Settings) -> Difference:
    """What differs between two versions."""
    before, after = (Version(plain_name(name), ref).snapshot(settings) for ref in (old, new))
    table = difference(before, after)
    changes = [_without_minus_one(row) for row in rows(table)]
    by_domain = {str(domain): _counts(part) for domain, part in table.groupby("domain")}
    return Difference(_counts(table), by_domain, changes)


def _counts(changes: pd.DataFrame) -> dict[str, int]:
    return {str(change): int(n) for change, n in changes["change"].value_counts().items()}


def _without_minus_one(row: dict[str, object]) -> dict[str, object]:
    unknown = {name for name in ("old_row", "new_row") if row[name] == -1}
    return {name: None if name in unknown else value for name, value in row.items()}


def diff_page(name: str, old: str, new: str, path: Path, settings: Settings) -> Path:
    """Writes what changed between two versions as an HTML page, with pictures and scores.

    Raises:
        InputError: if there is no such data set or version, or the page cannot be written there.
    """
    from evaluation.report.changes import write_changes
    from tasks.reports.changes import changes_between

    store, lake = Store(settings.pairs, plain_name(name)), Lake(settings.lake)
    with stage("drawing what changed"):
        sides = store.snapshot(old), store.snapshot(new)
        found = changes_between(*sides, lake, (old, new), drawn=True)
        with named_place(path):
            return write_changes(found, path)


@dataclass(frozen=True, eq=False)
class Checked:
    """Whether a version is whole, and its data set beside it.

    Attributes:
        found: what is wrong with the version.
        beside: lines of what is wrong with names, history and other snapshots.
    """

    found: Verification
    beside: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """A line for everything that is wrong."""
        return (*self.found.problems, *self.beside)

    def plain(self) -> dict[str, object]:
        """The lines, every row that is hit, and how many rows are in each state."""
        counts, rows = self.found.counts, self.found.rows.tolist()
        return {"problems": self.problems, "rows": rows, "counts": counts}


def check(version: Version, settings: Settings) -> Checked:
    """Whether a version is whole: every row made and judged, every pixel as written."""
    snapshot = version.snapshot(settings)
    with stage(f"verifying {version}", total=len(snapshot)) as progress:
        found = verify(snapshot, lambda done, whole: progress.advance(done - progress.done))
        return Checked(found, damage_of(version.name, settings))


def damage_of(name: str, settings: Settings) -> tuple[str, ...]:
    """What of a data set's names, snapshots and history is lost, a line each."""
    store = Store(settings.pairs, name)
    try:
        tags, faults = set(store.repository.list_tags()), store.faults()
    except DamagedError as error:
        return (str(error),)
    try:
        events = Lake(settings.lake).versions(name)
    except evaluation.errors.DamagedError:  # which is told of the lake, not of each data set
        return tuple(faults)
    out = events[events["event"] == "published"]
    held = zip(out["number"], out["snapshot"], strict=True)
    lost = (
        f"refs/tag.v{number}/ref.json of {name!r} is lost; it named snapshot {snapshot}"
        for number, snapshot in held
        if f"v{number}" not in tags
    )
    return (*faults, *lost)


def export(version: Version, kind: str, folder: Path, settings: Settings) -> Path:
    """Copies the accepted pairs of a version into a folder of another layout.

    Returns:
        The folder that was asked for, or the one that it would lie in where a layout puts several
        data sets side by side there.

    Raises:
        InputError: if the layout is unknown, or the folder holds something already.
    """
    # Layouts bring their libraries with them: whoever lists data sets needs none.
    from factory.exports import EXPORTS

    if kind not in EXPORTS:
        raise unknown_name("export", kind, EXPORTS, "this release")
    check_empty(folder)
    snapshot = version.snapshot(settings)
    from tasks.reports.export_origin import (
        export_origin,
    )  # loads torch, which no other command needs

    told = export_origin(snapshot, Lake(settings.lake), weights_of(snapshot, settings), kind)
    total = len(snapshot.asked())
    with named_place(folder), stage(f"exporting {version}", total=total) as progress:
        for count in EXPORTS[kind](snapshot, folder, told):
            progress.advance(count)
    return folder if folder.is_dir() else folder.parent


def weights_of(snapshot: Snapshot, settings: Settings) -> tuple[Path, ...] | None:
    """The checkpoints that made a version; None where its recipe cannot be read any more."""
    # A recipe brings every source and generator with it: whoever lists data sets needs none.
    from flows.planning.recipe import kept_recipe

    attributes = snapshot.attributes
    try:
        recipe = kept_recipe(attributes["sections"], (), snapshot.name, settings.home)
    except InputError:
        return None
    if not recipe.generator.trains:
        return recipe.generator.checkpoints
    about = recipe.name, attributes["digests"]["source"], recipe.image
    return (recipe.generator.checkpoint_folder(settings.models, *about),)


@dataclass(frozen=True)
class Withdrawn:
    """A version that was withdrawn.

    Attributes:
        withdrawn: as it was named.
        still_read: whether readers of the data set get it nevertheless.
        instead: the newest version that is left, "" where there is none.
    """

    withdrawn: str
    still_read: bool
    instead: str


def withdraw(version: Version, reason: str, settings: Settings) -> Withdrawn:
    """Records that a version should not be used any more; its tag and data stay.

    Raises:
        InputError: if it is no published version, or no reason is given.
    """
    lake = Lake(settings.lake)
    number = _number(version, lake)
    lake.withdraw(version.name, number, reason)
    current, left = lake.current(version.name), versions_left(lake.versions(version.name))
    still_read = current is not None and current[0] == number
    return Withdrawn(str(version), still_read, f"v{left[-1]}" if left else "")


def _number(version: Version, lake: Lake) -> int:
    """The number of the version that a tag or a label names."""
    if is_version(version.ref):
        return int(version.ref[1:])
    labelled = lake.labels(version.name).get(version.ref)
    if labelled is None:
        raise InputError(
            f"{version} names no version such as {version.name}@v2, and only versions are "
            "withdrawn; see `medpair datasets log`"
        )
    return labelled[0]


def collect_garbage(
    name: str, settings: Settings, days: float, runs: bool, dry_run: bool
) -> Garbage:
    """Frees what no version of a data set needs and what is older than some days.

    Raises:
        DamagedError: if a name is lost: what it leads to would be freed with the rest.
    """
    cutoff = datetime.now(UTC) - timedelta(days=days)
    store = Store(settings.pairs, plain_name(name))
    if store.exists() and (lost := damage_of(name, settings)):
        raise DamagedError(f"{lost[0]}; nothing was freed, since more might be lost by it")
    return free(store, cutoff, runs=runs, dry_run=dry_run)


def _glance(store: Store, lake: Lake) -> DataSet:
    try:
        tags, snapshot = store.tags(), store.snapshot()
        pairs = snapshot.counts()["accepted"] if len(snapshot) else 0
    except DamagedError as error:
        return DataSet(store.name, None, 0, 0, store.uri, str(error))
    gone = withdrawal(lake, store.name, snapshot.id)
    version = current_version(store) or None
    return DataSet(store.name, version, len(tags), pairs, store.uri, withdrawn=gone)


def rows(table: pd.DataFrame) -> list[dict[str, object]]:
    """A table as plain values, a mapping per row."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
