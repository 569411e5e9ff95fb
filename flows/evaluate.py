"""Evaluate: a version of pairs + real pairs -> scores in the lake and in MLflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prefect import flow

from evaluation.lake import Lake
from evaluation.metrics import Score, headlines
from evaluation.pairs import with_masks
from evaluation.sections import EvaluateSection
from evaluation.tables import About
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources import SourceSection
from factory.sources.base import Source, Split
from factory.sources.folder import FolderSource
from factory.vocabulary import load_vocabulary
from flows.job import opened, recipe_name
from flows.recipe import Recipe
from tasks.reference import Reference
from tasks.scoring import judges_digest, record_scores, score_pairs, train_judges
from tasks.settings import load_settings
from tasks.tracking import Tracker


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
        # Where nothing has a mask there is nothing to judge.
        judges = train_judges(reference, with_masks(pairs), section, folder, record)
        found = score_pairs(pairs, reference, judges, section)
        about = About(snapshot.id, reference.digest, judges_digest(judges), job.recipe.name)
        record_scores(job.lake, about, snapshot.pairs_id, pairs, found)
        record.dataset(job.store, snapshot.id, "evaluation")
        known = {name: s.value for name, s in headlines(found.scores).items() if s.known}
        record.metrics(known)
        return list(found.scores)


@flow(name="evaluate-folder")
def evaluate_folder(
    folder: Path, against: SourceSection, image: ImageSection, home: Path | None = None
) -> list[Score]:
    """Scores a folder of pairs, whoever made them, against real ones.

    Args:
        folder: with a metadata.csv; all its splits count.
        against: the real pairs.
        image: size and channels that both are brought to.
        home: whose lake keeps the scores.
    """
    settings = load_settings(home)
    tracker = Tracker.of(settings)
    reference = Reference.of(against.build(), image)
    theirs = FolderSource(path=folder, domain=only_domain(reference)).build()
    pairs = all_pairs(theirs, image)
    with tracker.run(folder.name, theirs.digest[:12], "evaluation") as record:
        judges = train_judges(
            reference, with_masks(pairs), EvaluateSection(), settings.models / "judges", record
        )
        found = score_pairs(pairs, reference, judges, EvaluateSection())
        about = About(theirs.digest, reference.digest, judges_digest(judges), folder.name)
        record_scores(Lake(settings.lake), about, theirs.digest, numbered(pairs), found)
        record.metrics({name: s.value for name, s in headlines(found.scores).items() if s.known})
    return list(found.scores)


def only_domain(reference: Reference) -> str | None:
    """The one known domain of the real pairs; None where the folder has to say which it means."""
    known = [name for name in reference.domains if name in load_vocabulary().domains]
    return known[0] if len(reference.domains) == len(known) == 1 else None


def all_pairs(source: Source, image: ImageSection) -> PairBatch:
    """The pairs of every split that has any."""
    splits: tuple[Split, ...] = ("train", "val", "test")
    parts = [part for split in splits if len(part := source.read(split, image))]
    return PairBatch.concatenate(parts)


def numbered(pairs: PairBatch) -> PairBatch:
    """The pairs with a row number each, by which the lake knows them."""
    return replace(pairs, facets=pairs.facets.assign(row=range(len(pairs))))
