"""Utility: a version of pairs + real pairs -> what a downstream model gains from them."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from evaluation.sections import UtilitySection
from evaluation.tables import About
from factory.errors import InputError
from factory.store import MAIN, Store
from flows.job import opened, recipe_name, settings_of_flow
from flows.recipe import Recipe, recipe_from
from tasks.reference import Reference
from tasks.utility import Utility, record_utility, try_pairs


@flow(name="utility", flow_run_name=recipe_name)
def utility(
    recipe: Recipe | Path, version: str, home: Path | None = None, final: bool = False
) -> Utility:
    """Trains segmenters with and without the pairs of a version, and tries them on real ones.

    Args:
        recipe: whose data set, source and utility section are meant.
        version: tag, branch or snapshot of the data set.
        home: of everything.
        final: try them on the test split instead of the validation split; the lake keeps count.
    """
    with opened(recipe, home) as job, job.record.child("utility") as record:
        snapshot = job.store.snapshot(version)
        pairs = snapshot.read()
        if not pairs.has_mask.any():
            raise InputError(
                f"the pairs of {job.recipe.name} have no masks: no segmenter could be trained on "
                "them; make a version with masks first"
            )
        reference = job.reference
        if final:
            reference = Reference.of(job.source, job.recipe.image, "test")
            job.lake.open_test(snapshot.id, reference.digest, "utility")
        section = job.recipe.utility or UtilitySection()
        folder = job.settings.models / "segmenters"
        found = try_pairs(section, reference, pairs, snapshot.id, folder, record)
        about = About(snapshot.id, reference.digest, "", job.recipe.name)
        record_utility(job.lake, about, found.scores)
        record.dataset(job.store, snapshot.id, "training")
        return found


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
