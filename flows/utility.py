"""Utility: a version of pairs + real pairs -> what a downstream model gains from them."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from evaluation.lake.tables import ScoreKey
from evaluation.settings import UtilitySection
from evaluation.utility.arms import domains_to_test
from evaluation.utility.registry import utility_of
from evaluation.utility.result import Utility
from factory.errors import InputError
from factory.sources import SourceSection
from factory.store.repository import MAIN, Store
from factory.store.snapshot import Snapshot
from flows.context import Job, opened, recipe_name, settings_of_flow
from flows.planning.estimate import budget
from flows.planning.recipe import Recipe, recipe_from
from tasks.downstream import DownstreamExperiment
from tasks.exposure import exposure_of
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage
from tasks.utility import measure_arms, record_utility


@flow(name="utility", flow_run_name=recipe_name)
def utility(
    recipe: Recipe | Path,
    version: str,
    home: Path | None = None,
    final: bool = False,
    against: SourceSection | None = None,
) -> Utility:
    """Trains downstream models with and without the pairs of a version, tested on real ones.

    What that costs is told before anything is trained.

    Args:
        recipe: whose data set, source and utility section are meant.
        version: tag, branch or snapshot of the data set.
        home: of everything.
        final: test them on the test split instead of the validation split, which then chooses
            their weights; the lake keeps count.
        against: source whose split they are tested on instead; nothing learns from it.
    """
    with opened(recipe, home) as job, job.record.child("utility") as record:
        snapshot = job.store.snapshot(version)
        section = job.recipe.utility or UtilitySection()
        if section.segmenters and not snapshot.has_mask.any():
            raise InputError(
                f"the pairs of {job.recipe.name} have no masks: no segmenter could be trained on "
                "them; make a version with masks first, or test classifiers alone: "
                "utility.segmenters=[] and utility.classifiers=[resnet]"
            )
        experiment = experiment_of(job, snapshot, record, final, against)
        arms = experiment.arms()
        if final:
            job.lake.open_test(snapshot.id, experiment.reference.digest, "utility")
        cost = budget(experiment.untrained(arms), section.steps, job.recipe.image)
        with stage(f"utility: {cost}"):
            found = utility_of(measure_arms(experiment, arms))
        about = ScoreKey(snapshot.id, experiment.reference.digest, "", job.recipe.name)
        record_utility(job.lake, about, found.scores)
        record.dataset(job.store, snapshot.id, "training")
        return found


def experiment_of(
    job: Job,
    snapshot: Snapshot,
    record: Record,
    final: bool = False,
    against: SourceSection | None = None,
    fold: int | None = None,
) -> DownstreamExperiment:
    """The experiment that tests a snapshot, by the recipe of a job; arms are marked by a fold.

    Raises:
        InputError: if it cannot be tested against the other source, or in folds.
    """
    section, synthetic = job.recipe.utility or UtilitySection(), snapshot.read()
    reference, held = job.reference, job.reference.held_out if final else None
    if against is not None:
        if section.folds is not None:
            raise InputError(
                "utility.folds test the recipe's own patients, --against those of another source: "
                "leave one of the two out, for instance by --set utility.folds=null"
            )
        domains = domains_to_test(section, synthetic)
        reference = reference.against(against.build(), "test" if final else "val", domains)
    elif final:
        reference = Reference.of(job.source, job.recipe.image, "test")
    return DownstreamExperiment(
        section=section,
        reference=reference,
        synthetic=synthetic,
        snapshot=snapshot.id,
        folder=job.settings.models / "segmenters",
        record=record,
        exposure=exposure_of(job.weights, job.recipe.source, job.source.digest),
        validation=held,
        registered=job.recipe.name if fold is None else "",
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
    snapshot = Store(settings_of_flow(home).pairs, dataset).snapshot(version)
    recipe = recipe_from(snapshot.attributes["sections"], (), f"the recipe of {dataset}")
    return utility(recipe, snapshot.id, home)
