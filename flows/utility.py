"""Utility: a version of pairs + real pairs -> what a downstream model gains from them."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from evaluation.lake.tables import ScoreKey
from evaluation.settings import UtilitySection
from evaluation.utility.arms import asked_domains
from evaluation.utility.segmentation import Utility
from factory.errors import InputError
from factory.sources import SourceSection
from factory.store.repository import MAIN, Store
from factory.store.snapshot import Snapshot
from flows.context import RunContext, open_context
from flows.planning.estimate import budget
from flows.planning.recipe import kept_recipe
from flows.stages import settings_of_flow, stage_flow
from tasks.downstream import DownstreamExperiment
from tasks.exposure import exposure_of
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage
from tasks.utility import record_utility, try_pairs


@stage_flow("utility")
def utility_stage(
    context: RunContext,
    version: str,
    final: bool = False,
    against: SourceSection | None = None,
) -> Utility:
    """Trains downstream models with and without the pairs of a version, tried on real ones.

    What that costs is told before anything is trained.

    Args:
        context: whose data set, source and utility section are meant.
        version: tag, branch or snapshot of the data set.
        final: try them on the test split instead of the validation split, which then chooses
            their weights; the lake keeps count.
        against: source whose split they are tried on instead; nothing learns from it.
    """
    with context.record.child("utility") as record:
        snapshot = context.store.snapshot(version)
        section = context.recipe.utility or UtilitySection()
        if section.segmenters and not snapshot.has_mask.any():
            raise InputError(
                f"the pairs of {context.recipe.name} have no masks: no segmenter could be trained "
                "on them; make a version with masks first, or try classifiers alone: "
                "utility.segmenters=[] and utility.classifiers=[resnet]"
            )
        experiment = experiment_of(context, snapshot, record, final, against)
        asked = experiment.arms()
        if final:
            context.lake.open_test(snapshot.id, experiment.reference.digest, "utility")
        cost = budget(experiment.untrained(asked), section.steps, context.recipe.image)
        with stage(f"utility: {cost}"):
            found = try_pairs(experiment, asked).utility
        about = ScoreKey(snapshot.id, experiment.reference.digest, "", context.recipe.name)
        record_utility(context.lake, about, found.scores)
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
    """The experiment on which a snapshot is tried, by the recipe of a run; arms are marked by a fold.

    Raises:
        InputError: if it cannot be tried against the other source, or in folds.
    """
    section, synthetic = context.recipe.utility or UtilitySection(), snapshot.read()
    reference, held = context.reference, context.reference.held_out if final else None
    if against is not None:
        if section.folds is not None:
            raise InputError(
                "utility.folds try the recipe's own patients, --against those of another source: "
                "leave one of the two out, for instance by --set utility.folds=null"
            )
        domains = asked_domains(section, synthetic)
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
        seen=exposure_of(context.checkpoints, context.recipe.source, context.source.digest),
        validation=held,
        registered=context.recipe.name if fold is None else "",
        fold=fold,
    )


@flow(name="utility-of-published")
def utility_of_published(dataset: str, version: str = MAIN, home: Path | None = None) -> Utility:
    """Measures a published version by the recipe that is kept with it; the lake keeps the gains.

    Args:
        dataset: name.
        version: tag, branch or snapshot.
        home: of everything.
    """
    settings = settings_of_flow(home)
    snapshot = Store(settings.pairs, dataset).snapshot(version)
    recipe = kept_recipe(snapshot.attributes["sections"], (), f"the recipe of {dataset}")
    with open_context(recipe, settings) as context:
        return utility_stage(context, snapshot.id)
