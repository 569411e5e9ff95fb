"""What the factory can be asked, by the command line, a studio or a script.

Every function takes the settings and gives plain frozen values. Those that make something run as
Prefect flows, which are imported only then: Prefect's own server, where none is configured, takes
its time to start, and a mistake should be told before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import ValidationError

from evaluation.lake import Lake
from evaluation.metrics import Score, headlines
from factory.errors import InputError
from factory.exports import EXPORTS
from factory.identity import plain_name
from factory.images import ImageSection
from factory.snapshot import Snapshot
from factory.sources.folder import FolderSource, read_rows
from factory.sources.nnunet import NnunetSource
from factory.sources.phantom import PhantomSource
from factory.store import MAIN, Entry, Garbage, Store
from factory.versions import Verification, data_sets, describe, verify
from factory.versions import diff as difference
from factory.vocabulary import unknown_name
from flows.foreign import check_folder
from flows.plan import Plan, checked, planned, ready
from flows.recipe import AnySource, Recipe, load_recipe, recipe_from
from tasks.progress import stage
from tasks.provenance import own_scores
from tasks.settings import Settings

if TYPE_CHECKING:
    from evaluation.headroom import Headroom
    from evaluation.sections import UtilitySection
    from flows.build import Outcome
    from flows.compare import Comparison


@dataclass(frozen=True)
class Version:
    """A data set at one version: "demo", "demo@v2", "demo@run-0123456789ab"."""

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
        """The snapshot it names.

        Raises:
            InputError: if there is no such data set or version.
        """
        return Store(settings.pairs, self.name).snapshot(self.ref)


def plan(recipe: Recipe, settings: Settings) -> Plan:
    """What a run would make and cost; writes nothing.

    Raises:
        InputError: with a line for everything that is wrong.
    """
    return planned(recipe, settings)


def run(recipe: Recipe, settings: Settings) -> Outcome:
    """Makes, judges and publishes what a recipe asks for; goes on where it was stopped."""
    with orchestrated(recipe, settings):
        from flows.build import build

        return build(recipe, settings.home)


def train(recipe: Recipe, settings: Settings) -> Path | None:
    """Trains the generator of a recipe; None where there is nothing to train."""
    with orchestrated(recipe, settings):
        from flows.train import train as flow

        return flow(recipe, settings.home)


def compare(recipe: Recipe, settings: Settings, images: int, final: bool = False) -> Comparison:
    """Trains specialists and generalists of a recipe, and compares what they draw."""
    with orchestrated(recipe, settings):
        from flows.compare import compare as flow

        return flow(recipe, images, settings.home, final)


@dataclass(frozen=True)
class Made:
    """Judged pairs on the branch of a run, not published."""

    dataset: str
    branch: str
    snapshot: str
    pairs: dict[str, int]


def generate(recipe: Recipe, settings: Settings) -> Made:
    """Trains where needed, and makes the pairs of a recipe without scoring or publishing them."""
    with orchestrated(recipe, settings):
        from flows.generate import generate as flow
        from flows.train import train as teach

        teach(recipe, settings.home)
        snapshot = flow(recipe, settings.home)
    found = Store(settings.pairs, recipe.name).snapshot(snapshot)
    return Made(recipe.name, f"run-{found.attributes['run']}", snapshot, found.counts())


@dataclass(frozen=True)
class Scored:
    """Headline scores of something, by name.

    Attributes:
        pairs: how many were scored.
        maskless: how many of these have no mask, and count in no score that needs one.
    """

    subject: str
    pairs: int
    maskless: int
    scores: dict[str, Score]


def evaluate(
    version: Version, settings: Settings, against: str = "", overrides: Iterable[str] = ()
) -> Scored:
    """Scores a version of a data set against its own source, or another."""
    recipe = recipe_of(version, settings, overrides)
    if against:
        # Nothing is made anew: captions that the grid once retrieved need not be there.
        grid = recipe.grid.model_copy(update={"retrieve": None})
        recipe = recipe.model_copy(update={"source": source_named(against), "grid": grid})
    with orchestrated(recipe, settings):
        from flows.evaluate import evaluate as flow

        found = flow(recipe, version.ref, settings.home)
    return Scored(str(version), found.pairs, found.maskless, headlines(found.scores))


def evaluate_folder(folder: Path, against: str, image: ImageSection, settings: Settings) -> Scored:
    """Scores anybody's folder of pairs against real ones; the lake knows it by its content.

    Raises:
        InputError: with a line for everything that keeps one of the two from being read as pairs.
    """
    if not against:
        raise InputError(
            f"--against is missing: {folder} is no data set of ours that would know its real "
            "pairs; name a folder, a recipe or 'phantom'"
        )
    read_rows(folder)
    source = source_named(against)
    with stage("checking the pairs"):
        check_folder(folder.absolute(), source.build())
    settings.home.mkdir(parents=True, exist_ok=True)
    with orchestrated(None, settings):
        from flows.evaluate import evaluate_folder as flow

        found = flow(folder.absolute(), source, image, settings.home)
    return Scored(str(folder), found.pairs, found.maskless, headlines(found.scores))


def headroom(
    source: str, image: ImageSection, section: UtilitySection, settings: Settings
) -> list[Headroom]:
    """Whether synthetic pairs could help with these real ones, and whether it could be seen.

    Raises:
        InputError: if the source cannot be read as pairs.
    """
    named = source_named(source)
    settings.home.mkdir(parents=True, exist_ok=True)
    with orchestrated(None, settings):
        from flows.headroom import headroom as flow

        return flow(named, image, section, settings.home)


@dataclass(frozen=True)
class Worth:
    """What the pairs of a version are worth to segmenters: Dice, gains, in real images.

    Attributes:
        against: the source whose split it is; "" for the recipe's own.
        classes: the same tables of classifiers, by name: levels, gains, worths.
        unseen: seen and unseen classes apart; no rows where `utility.unseen` names none.
    """

    version: str
    split: str
    against: str
    levels: list[dict[str, object]]
    gains: list[dict[str, object]]
    worths: list[dict[str, object]]
    classes: dict[str, list[dict[str, object]]]
    unseen: list[dict[str, object]]
    scores: list[Score]


def utility(
    version: Version,
    settings: Settings,
    final: bool = False,
    overrides: Iterable[str] = (),
    against: str = "",
) -> Worth:
    """Trains downstream models with and without the pairs of a version, tried on real ones.

    Args:
        version: of a data set.
        settings: of the home.
        final: try them on the test split.
        overrides: of the version's recipe.
        against: another source to try them on; "" for the recipe's own.
    """
    recipe = recipe_of(version, settings, overrides)
    other = source_named(against) if against else None
    with orchestrated(recipe, settings):
        from flows.utility import utility as flow

        found = flow(recipe, version.ref, settings.home, final, other)
    split = "test" if final else "val"
    return Worth(
        str(version),
        split,
        against,
        rows(found.levels),
        rows(found.gains),
        rows(found.worths),
        {
            "levels": rows(found.classes.levels),
            "gains": rows(found.classes.gains),
            "worths": rows(found.classes.worths),
        },
        rows(found.unseen),
        list(found.scores),
    )


def rows(table: pd.DataFrame) -> list[dict[str, object]]:
    """A table as plain values, a mapping per row."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def report(version: Version, settings: Settings) -> Path:
    """Writes the report of a version anew, from the store and the lake."""
    recipe = recipe_of(version, settings)
    with orchestrated(recipe, settings):
        from flows.build import report as flow

        return flow(recipe, version.ref, settings.home)


def scores(sql: str, settings: Settings, at: str = "") -> pd.DataFrame:
    """The answer of the lake to a SELECT, as it is or as it was at a moment.

    Raises:
        InputError: if it is not one SELECT, or no moment.
    """
    try:
        moment = datetime.fromisoformat(at) if at else None
    except ValueError as error:
        raise InputError(f"--at {at!r} is no moment; write 2026-01-31T12:00+00:00") from error
    return Lake(settings.lake).query(sql, moment)


@dataclass(frozen=True)
class DataSet:
    """A data set at a glance: its newest version and what that holds."""

    name: str
    version: str | None
    versions: int
    pairs: int
    uri: str


def datasets(settings: Settings) -> list[DataSet]:
    """Every data set of the home."""
    return [_glance(Store(settings.pairs, name)) for name in data_sets(settings.pairs)]


@dataclass(frozen=True)
class History:
    """What happened to a data set: its snapshots, and what became of its versions."""

    log: list[Entry]
    versions: list[dict[str, object]]


def log(name: str, settings: Settings) -> History:
    """The history of a data set, newest first."""
    entries = Store(settings.pairs, plain_name(name)).log()
    events = Lake(settings.lake).versions(name).sort_values("recorded_at", ascending=False)
    return History(entries, rows(events.drop(columns="data_set")))


def show(version: Version, settings: Settings) -> dict[str, object]:
    """What a version holds, where it comes from, and its headline scores against its own source."""
    snapshot = version.snapshot(settings)
    known = headlines(own_scores(Lake(settings.lake), snapshot)) if len(snapshot) else {}
    return {**describe(snapshot), "scores": {name: score.value for name, score in known.items()}}


def diff(name: str, old: str, new: str, settings: Settings) -> pd.DataFrame:
    """The prompts whose pairs differ between two versions."""
    store = Store(settings.pairs, plain_name(name))
    return difference(store.snapshot(old), store.snapshot(new))


def check(version: Version, settings: Settings) -> Verification:
    """Whether a version is whole: every row made and judged, every pixel explained."""
    snapshot = version.snapshot(settings)
    with stage(f"verifying {version}", total=len(snapshot)) as progress:
        return verify(snapshot, lambda done, whole: progress.advance(done - progress.done))


def export(version: Version, kind: str, folder: Path, settings: Settings) -> Path:
    """Copies the accepted pairs of a version into a folder of another layout.

    Raises:
        InputError: if the layout is unknown, or the folder holds something already.
    """
    if kind not in EXPORTS:
        raise unknown_name("export", kind, EXPORTS, "this release")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty, and its files would mix; name a new folder")
    snapshot = version.snapshot(settings)
    with stage(f"exporting {version}", total=len(snapshot.asked())) as progress:
        for count in EXPORTS[kind](snapshot, folder):
            progress.advance(count)
    return folder


def collect_garbage(
    name: str, settings: Settings, days: float, runs: bool, dry_run: bool
) -> Garbage:
    """Frees what no version of a data set needs and what is older than some days."""
    cutoff = datetime.now(UTC) - timedelta(days=days)
    store = Store(settings.pairs, plain_name(name))
    return store.collect_garbage(cutoff, runs=runs, dry_run=dry_run)


def _glance(store: Store) -> DataSet:
    tags, snapshot = store.tags(), store.snapshot()
    newest = next((tag for tag, at in tags.items() if at == snapshot.id), None)
    pairs = snapshot.counts()["accepted"] if len(snapshot) else 0
    return DataSet(store.name, newest, len(tags), pairs, store.uri)


def image_section(size: int, channels: int) -> ImageSection:
    """The image section of these values.

    Raises:
        InputError: if one of them cannot be.
    """
    try:
        return ImageSection.model_validate({"size": size, "channels": channels})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--{first['loc'][0]} {first['input']}: {first['msg']}") from error


def recipe_of(version: Version, settings: Settings, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe that a version was made by, as it is kept with the data.

    Raises:
        InputError: if there is no such version, or an override is wrong.
    """
    sections = version.snapshot(settings).attributes.get("sections")
    if sections is None:
        raise InputError(f"data set {version.name!r} has no published version; run its recipe")
    return recipe_from(dict(sections), overrides, f"the recipe of {version}")


def source_named(text: str) -> AnySource:
    """The source that a folder, a recipe or the word "phantom" names.

    Raises:
        InputError: if it is none of these.
    """
    path = Path(text)
    if text == "phantom":
        return PhantomSource()
    if (path / "metadata.csv").is_file():
        return FolderSource(path=path.absolute(), masks="optional")
    if (path / "dataset.json").is_file():
        return NnunetSource(path=path.absolute())
    if path.is_dir():
        raise InputError(
            f"{path} holds neither metadata.csv nor dataset.json, so nobody knows which mask "
            "belongs to which image; see the documentation of sources"
        )
    return load_recipe(path).source


@contextmanager
def orchestrated(recipe: Recipe | None, settings: Settings) -> Iterator[None]:
    """Checks a recipe, then starts what its flows need: a mistake is told first, and fast."""
    with ExitStack() as stack:
        if recipe is not None:
            with stage("checking the recipe and its data"):
                inputs = checked(recipe, settings)
            stack.enter_context(ready(inputs))
        settings.home.mkdir(parents=True, exist_ok=True)
        with stage("starting Prefect"):
            from tasks.orchestrator import start_server

            start_server()
        yield
