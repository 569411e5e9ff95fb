"""Train: a recipe's real pairs -> a checkpoint."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from factory.models.checkpoints import checkpoint_digest
from flows.context import RunContext
from flows.planning.recipe import Recipe
from flows.stages import deployed, recipe_name, stage_flow
from tasks.generator_training import learn, training_data
from tasks.services.mlflow_tracking import Record


@stage_flow("train")
def train_stage(context: RunContext) -> Path | None:
    """Trains the generator of a recipe, or goes on with it; None where nothing is to be trained.

    The checkpoint becomes a version of the registered model, with the alias "candidate".
    """
    spec, folder = context.recipe.generator, context.checkpoint
    if folder is None:
        return None
    with context.record.child("training", {"purpose": "generator"}) as record:
        record.parameters({"generator": context.sections["generator"]})
        learn(spec, lambda: training_data(context.reference), folder, record)
        register(context, folder, record, "candidate")
    return folder


@flow(name="train", flow_run_name=recipe_name)
def train(
    recipe: Recipe | Path, home: Path | None = None, set: tuple[str, ...] = ()
) -> Path | None:
    """Trains the generator of a recipe, as a deployment.

    Args:
        recipe: the name of a shipped recipe such as demo, the absolute path of a YAML file where the
            worker runs, or the recipe itself.
        home: folder of everything, an absolute path; without one, MEDPAIR_HOME of the worker.
        set: overrides of the recipe's keys, each as KEY=VALUE: grid.replicates=14.
    """
    with deployed(recipe, home, set) as context:
        return train_stage.fn(context)


def promote_generator(context: RunContext) -> None:
    """Gives the generator of the best version, or of any published one, the alias "champion"."""
    if context.checkpoint is not None:
        register(context, context.checkpoint, context.record, "champion")


def register(context: RunContext, folder: Path, record: Record, alias: str) -> None:
    """Makes a checkpoint a version of the data set's generator; the same one stays the same."""
    tags = {"licence": context.source.licence, "source": context.source.digest}
    name = f"{context.recipe.name}-generator"
    record.register(name, folder, checkpoint_digest(folder), alias, tags)
