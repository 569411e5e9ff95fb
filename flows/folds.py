"""Folds: a generator for each; every patient is tested by models that never met his images."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from pydantic import TypeAdapter

from evaluation.utility.registry import utility_of
from evaluation.utility.result import Cases, pooled
from flows.context import opened, recipe_name, settings_of_flow
from flows.generate import generate
from flows.planning.estimate import budget
from flows.planning.recipe import Recipe, load_recipe
from flows.train import train
from flows.utility import experiment_of
from flows.utility_result import UtilityResult
from tasks.services.progress import stage
from tasks.utility import measure_arms

FOLDS = 5


@flow(name="folds", flow_run_name=recipe_name)
def folds(recipe: Recipe | Path, count: int = FOLDS, home: Path | None = None) -> UtilityResult:
    """Trains, makes and tests a data set for each fold of the real patients; pools the cases.

    Nothing is gated or published. What was finished before is taken up. The tables are kept as JSON
    beside the reports.

    Args:
        recipe: whose real data are divided; its data sets are named by the fold.
        count: of folds.
        home: of everything.
    """
    whole = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    parts = []
    for fold, part in enumerate([whole.in_fold(at, count) for at in range(1, count + 1)], 1):
        with stage(f"fold {fold} of {count}"):
            parts.append(cases_of_fold(part, fold, home))
    folder = settings_of_flow(home).reports
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{whole.name}-{count}-folds.json"
    found = utility_of(pooled(parts))
    result = UtilityResult.of(whole.name, found, "val", folds=count, file=file)
    file.write_bytes(TypeAdapter(UtilityResult).dump_json(result, indent=2))
    return result


def cases_of_fold(recipe: Recipe, fold: int, home: Path | None) -> Cases:
    """Trains and makes what one fold needs, and tests it on the patients held out."""
    with opened(recipe, home) as job, job.record.child("utility") as record:
        train(recipe, home)
        snapshot = job.store.snapshot(generate(recipe, home))
        experiment = experiment_of(job, snapshot, record, fold=fold)
        arms = experiment.arms()
        cost = budget(experiment.untrained(arms), experiment.section.steps, recipe.image)
        with stage(f"utility: {cost}"):
            return measure_arms(experiment, arms)
