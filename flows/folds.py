"""Folds: a generator for each; every patient is tested by models that never met his images."""

from __future__ import annotations

from prefect import flow
from pydantic import TypeAdapter

from evaluation.utility.registry import utility_of
from evaluation.utility.result import Cases, pooled
from flows.context import RunContext, open_context
from flows.generate import generate_stage
from flows.planning.estimate import budget
from flows.planning.recipe import Recipe
from flows.stages import recipe_name
from flows.train import train_stage
from flows.utility import UtilityResult, experiment_of
from tasks.services.progress import stage
from tasks.services.settings import Settings
from tasks.utility import measure_arms

FOLDS = 5


@flow(name="folds", flow_run_name=recipe_name)
def folds(recipe: Recipe, settings: Settings, count: int = FOLDS) -> UtilityResult:
    """Trains, makes and tests a data set for each fold of the real patients; pools the cases.

    Nothing is gated or published. What was finished before is taken up. The tables are kept as JSON
    beside the reports.

    Args:
        recipe: whose real patients are assigned to folds; its data sets are named by the fold.
        settings: of the home.
        count: of folds.
    """
    parts = []
    for fold in range(1, count + 1):
        with (
            stage(f"fold {fold} of {count}"),
            open_context(recipe.in_fold(fold, count), settings) as context,
        ):
            parts.append(cases_of_fold(context, fold))
    folder = settings.reports
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{recipe.name}-{count}-folds.json"
    found = UtilityResult.of(recipe.name, utility_of(pooled(parts)), "val", folds=count, file=file)
    file.write_bytes(TypeAdapter(UtilityResult).dump_json(found, indent=2))
    return found


def cases_of_fold(context: RunContext, fold: int) -> Cases:
    """Trains and makes what one fold needs, and tests it on the patients held out."""
    with context.record.child("utility") as record:
        train_stage(context)
        snapshot = context.store.snapshot(generate_stage(context))
        experiment = experiment_of(context, snapshot, record, fold=fold)
        arms = experiment.arms()
        cost = budget(experiment.untrained(arms), experiment.section, context.recipe.image)
        with stage(f"utility: {cost}"):
            return measure_arms(experiment, arms)
