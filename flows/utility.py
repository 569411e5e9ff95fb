"""Utility: a version of pairs + real pairs -> what a downstream model gains from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from prefect import State, flow
from prefect.states import Completed

from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score, headlines
from evaluation.settings import UtilitySection
from evaluation.utility.arms import domains_to_test
from evaluation.utility.registry import utility_of
from evaluation.utility.result import Utility
from factory.errors import InputError
from factory.sources import SourceSection
from factory.store.repository import MAIN
from factory.store.sample import Sample
from factory.store.snapshot import Snapshot
from flows.context import RunContext, open_context
from flows.datasets import Version
from flows.planning.estimate import budget
from flows.planning.recipe import kept_recipe
from flows.stages import settings_of_flow, stage_flow
from tasks.downstream import DownstreamExperiment
from tasks.exposure import exposure_of
from tasks.provenance import version_of
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage
from tasks.utility import keep_cases, measure_arms, record_utility

Lines = list[dict[str, object]]


@stage_flow("utility")
def utility_stage(
    context: RunContext,
    version: str,
    final: bool = False,
    against: SourceSection | None = None,
) -> Utility:
    """Trains downstream models with and without the pairs of a version, tested on real ones.

    What that costs is told before anything is trained.

    Args:
        context: whose data set, source and utility section are meant.
        version: tag, branch or snapshot of the data set.
        final: test them on the test split instead of the validation split, which then chooses
            their weights; the lake keeps count.
        against: source whose split they are tested on instead; nothing learns from it.
    """
    with context.record.child("utility") as record:
        snapshot = context.store.snapshot(version)
        section = context.recipe.utility or UtilitySection()
        if section.segmenters and not snapshot.has_mask.any():
            raise InputError(
                f"the pairs of {context.recipe.name} have no masks: no segmenter could be trained "
                "on them; make a version with masks first, or test classifiers alone: "
                "utility.segmenters=[] and utility.classifiers=[resnet]"
            )
        experiment = experiment_of(context, snapshot, record, final, against)
        arms = experiment.arms()
        if final:
            context.lake.open_test(snapshot.id, experiment.reference.digest, "utility")
        cost = budget(experiment.untrained(arms), section, context.recipe.image)
        with stage(f"utility: {cost}"):
            cases = measure_arms(experiment, arms)
        found = replace(utility_of(cases), files=keep_cases(cases, *_place(context, experiment)))
        about = ScoreKey(snapshot.id, experiment.reference.digest, "", context.recipe.name)
        record_utility(context.lake, about, found.scores)
        record.scores(headlines(found.scores))
        record.dataset(context.store, snapshot.id, "training")
        return found


def experiment_of(
    context: RunContext,
    snapshot: Snapshot,
    record: Record,
    final: bool = False,
    against: SourceSection | None = None,
    fold: int | None = None,
) -> DownstreamExperiment:
    """The experiment that tests a snapshot, by the recipe of a run; arms are marked by a fold.

    Raises:
        InputError: if it cannot be tested against the other source, or in folds.
    """
    section = context.recipe.utility or UtilitySection()
    sample = Sample.drawn(snapshot, section.sample)
    synthetic = snapshot.read(sample.accepted)
    reference, held = context.reference, context.reference.held_out if final else None
    if against is not None:
        if section.folds is not None:
            raise InputError(
                "utility.folds test the recipe's own patients, --against those of another source: "
                "leave one of the two out, for instance by --set utility.folds=null"
            )
        domains = domains_to_test(section, synthetic)
        reference = reference.against(against.build(), "test" if final else "val", domains)
    elif final:
        reference = reference.with_test(context.source)
    return DownstreamExperiment(
        section=section,
        reference=reference,
        synthetic=synthetic,
        snapshot=snapshot.id,
        folder=context.settings.models / "segmenters",
        record=record,
        exposure=exposure_of(context.checkpoints, context.recipe.source, context.source.digest),
        validation=held,
        registered=context.recipe.name if fold is None else "",
        fold=fold,
        drawn=None if sample.whole else section.sample,
    )


def _place(context: RunContext, experiment: DownstreamExperiment) -> tuple[Path, str]:
    """Folder and beginning of the names of the files of cases: one for each split it is tested on."""
    version = version_of(context.lake, context.store.snapshot(experiment.snapshot))
    reference = experiment.reference
    name = f"{context.recipe.name}-{version or experiment.snapshot}-{reference.split}"
    other = reference.elsewhere[:8]
    return context.settings.reports, f"{name}-{other}" if other else name


@flow(name="utility-of-published", flow_run_name="{dataset}")
def utility_of_published(
    dataset: str, version: str = MAIN, home: Path | None = None
) -> Utility | State[Utility]:
    """Measures a published version by the recipe that is kept with it; the lake keeps the gains.

    Where that recipe says `utility: null`, the run ends at once in the state NotAsked.

    Args:
        dataset: name.
        version: tag, branch or snapshot.
        home: of everything.
    """
    settings = settings_of_flow(home)
    snapshot = Version(dataset, version).snapshot(settings)
    sections, origin = snapshot.attributes["sections"], f"the recipe of {dataset}"
    recipe = kept_recipe(sections, (), origin, settings.home)
    if recipe.utility is None:
        return Completed(name="NotAsked", message=f"{origin} says utility: null")
    with open_context(recipe, settings) as context:
        return utility_stage(context, snapshot.id)


@dataclass(frozen=True)
class UtilityResult:
    """What the pairs of a version are worth: the tables of segmenters, of classifiers, and scores.

    Attributes:
        version: a version, or a recipe that was tested in folds.
        split: which real images the models were tested on.
        against: the source whose split it is; "" for the recipe's own.
        folds: how many there were, each with a generator of its own; None for one held-out split.
        levels: how well each kind of training does; of segmenters, as are the next two.
        gains: what synthetic pairs add.
        equivalent_images: how many real images they equal.
        classes: the same tables of classifiers, by name: levels, gains, equivalent_images.
        unseen: seen and unseen classes apart; no rows where `utility.unseen` names none.
        scores: of all.
        file: where all this is kept as JSON; None where the lake and the report hold it.
        cases: CSV files with a row per tested case of every arm, of segmenters and of classifiers.
    """

    version: str
    split: str
    against: str
    folds: int | None
    levels: Lines
    gains: Lines
    equivalent_images: Lines
    classes: dict[str, Lines]
    unseen: Lines
    scores: list[Score]
    file: Path | None = None
    cases: tuple[Path, ...] = ()

    @staticmethod
    def of(
        version: str,
        found: Utility,
        split: str,
        against: str = "",
        folds: int | None = None,
        file: Path | None = None,
    ) -> UtilityResult:
        """The tables of all arms, row by row."""
        masks, findings = (
            {name: _lines(getattr(task, name)) for name in ("levels", "gains", "equivalent_images")}
            for task in (found.segmentation, found.classification)
        )
        return UtilityResult(
            version=version,
            split=split,
            against=against,
            folds=folds,
            **masks,
            classes=findings,
            unseen=_lines(found.segmentation.unseen),
            scores=list(found.scores),
            file=file,
            cases=tuple(found.files.values()),
        )


def _lines(table: pd.DataFrame) -> Lines:
    """A mapping per row; names that travel as tuples become one text."""
    return [
        {
            str(key): ", ".join(value) if isinstance(value, tuple) else value
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]
