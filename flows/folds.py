"""Folds: a generator for each, and every patient tried by models that never met one of his images."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from pydantic import TypeAdapter

from flows.context import opened, recipe_name, settings_of_flow
from flows.generate import generate
from flows.planning.estimate import budget
from flows.planning.recipe import Recipe, load_recipe
from flows.train import train
from flows.utility import experiment_of
from flows.utility_result import Worth
from tasks.services.progress import stage
from tasks.utility import Cases, try_pairs

FOLDS = 5


@flow(name="folds", flow_run_name=recipe_name)
def folds(recipe: Recipe | Path, count: int = FOLDS, home: Path | None = None) -> Worth:
    """Trains, makes and tries a data set for each fold of the real patients; pools the trials.

    Nothing is gated or published. What was finished before is taken up. The tables are kept as JSON
    beside the reports.

    Args:
        recipe: whose real data are dealt; its data sets are named by the fold.
        count: of folds.
        home: of everything.
    """
    whole = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    asked = [whole.in_fold(fold, count) for fold in range(1, count + 1)]
    parts = []
    for fold, told in enumerate(asked, 1):
        with stage(f"fold {fold} of {count}"):
            parts.append(tried(told, fold, home))
    folder = settings_of_flow(home).reports
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{whole.name}-{count}-folds.json"
    found = Worth.of(whole.name, Cases.pooled(parts).utility, "val", folds=count, file=file)
    file.write_bytes(TypeAdapter(Worth).dump_json(found, indent=2))
    return found


def tried(recipe: Recipe, fold: int, home: Path | None) -> Cases:
    """Trains and makes what one fold needs, and tries it on the patients held out."""
    with opened(recipe, home) as job, job.record.child("utility") as record:
        train(recipe, home)
        snapshot = job.store.snapshot(generate(recipe, home))
        experiment = experiment_of(job, snapshot, record, fold=fold)
        asked = experiment.arms()
        cost = budget(experiment.untrained(asked), experiment.section.steps, recipe.image)
        with stage(f"utility: {cost}"):
            return try_pairs(experiment, asked)
