"""What the factory can be asked, by the command line, a studio or a script.

Every function takes the settings and gives plain frozen values. Those that make something run as
Prefect flows, which are imported only then: Prefect's own server, where none is configured, takes
its time to start, and a mistake should be told before that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd
from pydantic import ValidationError

from evaluation.lake.lake import Lake
from evaluation.metrics.registry import Score, headlines
from evaluation.report.answers.answer import Answer, answers
from factory.errors import InputError, refusal
from factory.images import ImageSection
from factory.sources import SourceSection
from factory.sources.folder import FolderSource, read_rows
from factory.sources.nnunet import NnunetSource
from factory.sources.phantom import PhantomSource
from flows.context import RunContext, open_context
from flows.datasets import Version
from flows.improving.asked import askable
from flows.planning.external_folder import FolderContext, folders_of_pairs
from flows.planning.plan import Plan, checked, planned
from flows.planning.real_pairs import RealPairs
from flows.planning.recipe import Recipe, kept_recipe, load_recipe, shipped_recipes
from tasks.faults.machine import PREFECT_HOLDS, check_database
from tasks.services.ports import check_servers
from tasks.services.progress import stage
from tasks.services.settings import Settings

if TYPE_CHECKING:
    from evaluation.settings import UtilitySection
    from evaluation.utility.learning_curve import LearningCurve
    from flows.build import Outcome
    from flows.compare import Comparison
    from flows.evaluate import Evaluated
    from flows.improving.improve import Improved
    from flows.planning.costs import Cost
    from flows.utility import UtilityResult

LEAST_FREE = 2**20  # bytes; with less not even a database can grow


def plan(recipe: Recipe, settings: Settings) -> Plan:
    """What a run would make and cost; writes nothing.

    Raises:
        InputError: with a line for everything that is wrong.
    """
    return planned(recipe, settings)


def run(recipe: Recipe, settings: Settings) -> Outcome:
    """Makes, judges and publishes what a recipe asks for; goes on where it was stopped."""
    with ready(recipe, settings, workers=True) as context:
        from flows.build import GateFailedError, build_stage

        try:
            # Of a state that a flow ends in, Prefect hands over what it holds.
            return cast("Outcome", build_stage(context))
        except GateFailedError as missed:
            return missed.outcome


def improve(recipe: Recipe, settings: Settings) -> Improved:
    """Adds pairs round by round where the downstream model fails and where pairs are trusted."""
    check_servers(settings, workers=True)
    with open_context(recipe, settings) as context:
        askable(recipe, context.grid)
    start_prefect(settings)
    from flows.improving.improve import improve as flow

    return flow(recipe, settings.home)


def train(recipe: Recipe, settings: Settings) -> Path | None:
    """Trains the generator of a recipe; None where there is nothing to train."""
    with ready(recipe, settings) as context:
        from flows.train import train_stage

        return train_stage(context)


def compare(recipe: Recipe, settings: Settings, images: int, final: bool = False) -> Comparison:
    """Trains specialists and generalists of a recipe, and compares what they draw."""
    with ready(recipe, settings) as context:
        from flows.compare import compare_stage

        return compare_stage(context, images, final)


@dataclass(frozen=True)
class Made:
    """Judged pairs on the branch of a run, not published."""

    dataset: str
    branch: str
    snapshot: str
    pairs: dict[str, int]


def generate(recipe: Recipe, settings: Settings) -> Made:
    """Trains where needed, and makes the pairs of a recipe without scoring or publishing them."""
    with ready(recipe, settings, workers=True) as context:
        from flows.generate import generate_stage
        from flows.train import train_stage

        train_stage(context)
        snapshot = context.store.snapshot(generate_stage(context))
    return Made(recipe.name, f"run-{snapshot.attributes['run']}", snapshot.id, snapshot.counts())


@dataclass(frozen=True)
class Scored:
    """Headline scores of something, by name.

    Attributes:
        pairs: how many were scored.
        maskless: how many of these have no mask, and count in no score that needs one.
        answers: what all scores, those of single domains too, say in short.
    """

    subject: str
    pairs: int
    maskless: int
    scores: dict[str, Score]
    answers: tuple[Answer, ...]


def evaluate(
    version: Version, settings: Settings, against: str = "", overrides: Iterable[str] = ()
) -> Scored:
    """Scores a version of a data set against its own source, or another."""
    recipe = recipe_of(version, settings, overrides)
    if against:
        # Nothing is made anew: captions and masks that the grid once took need not be there.
        grid = recipe.grid.model_copy(update={"retrieve": None, "masks": None})
        recipe = recipe.model_copy(update={"source": source_named(against), "grid": grid})
    with ready(recipe, settings) as context:
        from flows.evaluate import evaluate_stage

        found = evaluate_stage(context, version.ref)
        # With what other commands measured of it, such as what its pairs are worth.
        scores = context.lake.decision_scores(found.about, found.config_digest)
    return _scored(str(version), found, scores)


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
    for place in folders_of_pairs(folder):
        read_rows(place)
    source = source_named(against)
    context = FolderContext(
        folder=folder.absolute(), against=source, image=image, settings=settings
    )
    check_servers(settings, workers=False)
    with stage("checking the pairs"):
        context.check()
    start_prefect(settings)
    from flows.evaluate import evaluate_folder as flow

    found = flow(context)
    return _scored(str(folder), found, found.scores)


def _scored(subject: str, found: Evaluated, scores: Sequence[Score]) -> Scored:
    known, said = headlines(scores), answers(scores)
    return Scored(subject, found.pairs, found.maskless, known, said)


def headroom(
    source: str, image: ImageSection, section: UtilitySection, settings: Settings
) -> list[LearningCurve]:
    """Whether synthetic pairs could help with these real ones, and whether it could be seen.

    Raises:
        InputError: if the source cannot be read as pairs, or holds none out.
    """
    context = RealPairs(against=source_named(source), image=image, settings=settings)
    check_servers(settings, workers=False)
    with stage("checking the pairs"):
        context.check()
    start_prefect(settings)
    from flows.headroom import headroom as flow

    return flow(context, section)


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
    with ready(recipe, settings) as context:
        from flows.utility import UtilityResult, utility_stage

        found = utility_stage(context, version.ref, final, other)
    return UtilityResult.of(str(version), found, "test" if final else "val", against)


def utility_cost(version: Version, settings: Settings, overrides: Iterable[str] = ()) -> Cost:
    """What `utility` would train; writes nothing."""
    from flows.planning.costs import utility_cost as cost

    recipe = recipe_of(version, settings, overrides)
    return cost(recipe, settings, version.snapshot(settings))


def improve_cost(recipe: Recipe, settings: Settings) -> Cost:
    """What `improve` would train; writes nothing."""
    from flows.planning.costs import improve_cost as cost

    with open_context(recipe, settings) as context:
        askable(recipe, context.grid)
    return cost(recipe, settings)


def headroom_cost(
    source: str, image: ImageSection, section: UtilitySection, settings: Settings
) -> Cost:
    """What `headroom` would train; writes nothing."""
    from flows.planning.costs import headroom_cost as cost

    return cost(RealPairs(against=source_named(source), image=image, settings=settings), section)


def folds_cost(recipe: Recipe, settings: Settings, count: int) -> Cost:
    """What `folds` would train; writes nothing."""
    from flows.planning.costs import folds_cost as cost

    return cost(recipe, settings, count)


def compare_cost(recipe: Recipe, settings: Settings) -> Cost:
    """What `compare` would train; writes nothing."""
    from flows.planning.costs import compare_cost as cost

    return cost(recipe, settings)


def folds(recipe: Recipe, settings: Settings, count: int) -> UtilityResult:
    """Trains a generator for each fold of the real patients, and tests every patient once."""
    check_servers(settings, workers=True)
    checked(recipe.in_fold(1, count), settings)
    start_prefect(settings)
    from flows.folds import folds as flow

    return flow(recipe, settings, count)


def report(version: Version, settings: Settings) -> Path:
    """Writes the report of a version anew, from the store and the lake."""
    recipe = recipe_of(version, settings)
    with ready(recipe, settings) as context:
        from flows.build import report_stage

        return report_stage(context, version.ref)


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
        raise InputError(f"--{first['loc'][0]} {first['input']}: {refusal(first)}") from error


def recipe_of(version: Version, settings: Settings, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe that a version was made by, as it is kept with the data.

    Raises:
        InputError: if there is no such version, or an override is wrong.
    """
    sections = version.snapshot(settings).attributes.get("sections")
    if sections is None:
        raise InputError(f"data set {version.name!r} has no published version; run its recipe")
    return kept_recipe(sections, overrides, f"the recipe of {version}", settings.home)


def source_named(text: str) -> SourceSection:
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
    if not path.exists() and text not in shipped_recipes():
        raise InputError(
            f"there is neither a folder nor a recipe {text}, so there are no real pairs to read: give "
            "a folder with metadata.csv or dataset.json, a recipe, or the word phantom"
        )
    return load_recipe(path).source


@contextmanager
def ready(recipe: Recipe, settings: Settings, *, workers: bool = False) -> Iterator[RunContext]:
    """Checks a recipe, then starts what its flows need: a mistake is told first, and fast.

    Args:
        recipe: to be checked.
        settings: of the home.
        workers: whether pairs are to be made.
    """
    check_servers(settings, workers=workers)
    with ExitStack() as stack:
        with stage("checking the recipe and its data"):
            context = stack.enter_context(open_context(recipe, settings))
        start_prefect(settings)
        yield context


def start_prefect(settings: Settings) -> None:
    """Makes the home, and starts Prefect's own server where no other is configured."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.home) as file:  # else told late, after much else
        file.write(bytes(LEAST_FREE))
    with stage("starting Prefect"):
        from tasks.services.prefect_server import start_server
        from tasks.services.run_logs import leave_mistakes_to_the_caller

        check_database(settings.prefect_file, PREFECT_HOLDS)
        start_server()
        leave_mistakes_to_the_caller()
