"""Evaluate: a version of pairs + real pairs -> scores in the lake and in MLflow."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from evaluation.metrics import Score, headlines
from evaluation.tables import About
from flows.job import opened, recipe_name
from flows.recipe import Recipe
from tasks.scoring import judges_digest, record_scores, score_pairs, train_judges


@flow(name="evaluate", flow_run_name=recipe_name)
def evaluate(recipe: Recipe | Path, version: str, home: Path | None = None) -> list[Score]:
    """Scores the accepted pairs of a version against the recipe's training and validation pairs.

    Args:
        recipe: whose data set and source are meant.
        version: tag, branch or snapshot of the data set.
        home: of everything.
    """
    with opened(recipe, home) as job, job.record.child("evaluation") as record:
        section, reference = job.recipe.evaluate, job.reference
        snapshot = job.store.snapshot(version)
        pairs = snapshot.read()
        folder = job.settings.models / "judges"
        judges = train_judges(reference, pairs, section, folder, record)
        found = score_pairs(pairs, reference, judges, section)
        about = About(snapshot.id, reference.digest, judges_digest(judges), job.recipe.name)
        record_scores(job.lake, about, snapshot.pairs_id, pairs, found)
        record.dataset(job.store, snapshot.id, "evaluation")
        known = {name: s.value for name, s in headlines(found.scores).items() if s.known}
        record.metrics(known)
        return list(found.scores)
