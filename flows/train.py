"""Train: a recipe's real pairs -> a checkpoint."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from factory.models.checkpoints import checkpoint_digest
from flows.context import Job, opened, recipe_name
from flows.planning.recipe import Recipe
from tasks.generator_training import learn
from tasks.services.mlflow_tracking import Record


@flow(name="train", flow_run_name=recipe_name)
def train(recipe: Recipe | Path, home: Path | None = None) -> Path | None:
    """Trains the generator of a recipe, or goes on with it; None where nothing is to be trained.

    The checkpoint becomes a version of the registered model, with the alias "candidate".
    """
    with opened(recipe, home) as job:
        spec, folder = job.recipe.generator, job.checkpoint
        if folder is None:
            return None
        with job.record.child("training", {"purpose": "generator"}) as record:
            record.parameters({"generator": spec.model_dump(mode="json")})
            learn(spec, job.source, job.recipe.image, folder, record)
            register(job, folder, record, "candidate")
        return folder


def give_crown(job: Job) -> None:
    """Gives the generator of the best version, or of any published one, the alias "champion"."""
    if job.checkpoint is not None:
        register(job, job.checkpoint, job.record, "champion")


def register(job: Job, folder: Path, record: Record, alias: str) -> None:
    """Makes a checkpoint a version of the data set's generator; the same one stays the same."""
    tags = {"licence": job.source.licence, "source": job.source.digest}
    record.register(f"{job.recipe.name}-generator", folder, checkpoint_digest(folder), alias, tags)
