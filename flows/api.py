"""What the factory can be asked, by the command line, a studio or a script.

Every function takes the settings and gives plain frozen values. Those that make something run as
Prefect flows, which are imported only then: Prefect's own server, where none is configured, takes
its time to start, and a mistake should be told before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import ValidationError

from evaluation.lake.lake import Lake
from evaluation.metrics.registry import Score, headlines
from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.folder import FolderSource, read_rows
from factory.sources.nnunet import NnunetSource
from factory.sources.phantom import PhantomSource
from factory.store.repository import Store
from flows.datasets import Version
from flows.external_folder import check_folder
from flows.planning.plan import Plan, checked, planned, ready
from flows.planning.recipe import AnySource, Recipe, load_recipe, recipe_from
from flows.utility_result import UtilityResult
from tasks.services.progress import stage
from tasks.services.settings import Settings

if TYPE_CHECKING:
    from evaluation.settings import UtilitySection
    from evaluation.utility.learning_curve import LearningCurve
    from flows.build import Outcome
    from flows.compare import Comparison


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
) -> list[LearningCurve]:
    """Whether synthetic pairs could help with these real ones, and whether it could be seen.

    Raises:
        InputError: if the source cannot be read as pairs.
    """
    named = source_named(source)
    settings.home.mkdir(parents=True, exist_ok=True)
    with orchestrated(None, settings):
        from flows.headroom import headroom as flow

        return flow(named, image, section, settings.home)


def utility(
    version: Version,
    settings: Settings,
    final: bool = False,
    overrides: Iterable[str] = (),
    against: str = "",
) -> UtilityResult:
    """Trains downstream models with and without the pairs of a version, tested on real ones.

    Args:
        version: of a data set.
        settings: of the home.
        final: test them on the test split.
        overrides: of the version's recipe.
        against: another source to test them on; "" for the recipe's own.
    """
    recipe = recipe_of(version, settings, overrides)
    other = source_named(against) if against else None
    with orchestrated(recipe, settings):
        from flows.utility import utility as flow

        found = flow(recipe, version.ref, settings.home, final, other)
    return UtilityResult.of(str(version), found, "test" if final else "val", against)


def folds(recipe: Recipe, settings: Settings, count: int) -> UtilityResult:
    """Trains a generator for each fold of the real patients, and tests every patient once."""
    with orchestrated(recipe.in_fold(1, count), settings):
        from flows.folds import folds as flow

        return flow(recipe, count, settings.home)


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
            from tasks.services.prefect_server import start_server

            start_server()
        yield
