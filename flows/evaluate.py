"""Evaluate: a version of pairs + real pairs -> scores in the lake and in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from prefect import flow

from evaluation.lake import Lake
from evaluation.metrics import Score, headlines
from evaluation.pairs import by_domain, with_masks
from evaluation.score import terms
from evaluation.sections import EvaluateSection
from evaluation.tables import About
from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.shards import Status
from factory.snapshot import Snapshot
from factory.sources import SourceSection
from factory.sources.base import Source, Split
from factory.sources.folder import FolderSource
from factory.versions import describe
from factory.vocabulary import load_vocabulary
from flows.job import opened, recipe_name
from flows.recipe import Recipe
from tasks.reference import Reference
from tasks.scoring import (
    judges_digest,
    record_scores,
    score_pairs,
    train_aides,
    train_judges,
)
from tasks.settings import Settings, load_settings
from tasks.tracking import Record, Tracker


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A scoring that is in the lake.

    Attributes:
        about: what was scored, against which real data and by which judge.
        terms: what the scores depend on besides, see `evaluation.score.terms`.
        scores: all of them.
    """

    about: About
    terms: str
    scores: tuple[Score, ...]


@flow(name="evaluate", flow_run_name=recipe_name)
def evaluate(
    recipe: Recipe | Path, version: str, home: Path | None = None, purpose: str = "evaluation"
) -> Evaluated:
    """Scores the accepted pairs of a version against the recipe's training and validation pairs.

    Scores that the lake has already are read from it, not worked out again.

    Args:
        recipe: whose data set and source are meant.
        version: tag, branch or snapshot of the data set.
        home: of everything.
        purpose: what the record of the run calls it.
    """
    with opened(recipe, home) as job, job.record.child(purpose) as record:
        snapshot = job.store.snapshot(version)
        scorer = Scorer(job.lake, job.reference, job.recipe.evaluate, job.settings, record)
        domains = judged_domains(snapshot)
        found = scorer.scored(
            snapshot.id, snapshot.pairs_id, job.recipe.name, domains, partial(pairs_of, snapshot)
        )
        record.dataset(job.store, snapshot.id, "evaluation")
        return found


@flow(name="evaluate-folder")
def evaluate_folder(
    folder: Path, against: SourceSection, image: ImageSection, home: Path | None = None
) -> Evaluated:
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
    domain = only_domain(reference)
    theirs = FolderSource(path=folder, domain=domain, masks="optional").build()
    pairs = all_pairs(theirs, image)
    # Where nothing has a mask there is nothing to judge.
    domains = [name for name, _ in by_domain(with_masks(pairs))]
    with tracker.run(folder.name, theirs.digest[:12], "evaluation") as record:
        scorer = Scorer(Lake(settings.lake), reference, EvaluateSection(), settings, record)
        subject = theirs.digest
        return scorer.scored(
            subject, subject, folder.name, domains, lambda: (numbered(pairs), None)
        )


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores pairs against one set of real ones, unless the lake has the scores already."""

    lake: Lake
    reference: Reference
    section: EvaluateSection
    settings: Settings
    record: Record

    def scored(
        self,
        subject: str,
        pairs_id: str,
        data_set: str,
        domains: Sequence[str],
        read: Callable[[], tuple[PairBatch, PairBatch | None]],
    ) -> Evaluated:
        """The scores of a subject; `read` gives its accepted and its rejected pairs."""
        models, known = self.settings.models, (self.reference, domains, self.section)
        judges = train_judges(*known, models, self.record)
        about = About(subject, self.reference.digest, judges_digest(judges), data_set)
        scores = self.lake.scoring(about, terms(self.section))
        if scores is None:
            pairs, rejected = read()
            aides = train_aides(self.reference, subject, pairs, self.section, models, self.record)
            found = score_pairs(pairs, self.reference, judges, self.section, aides, rejected)
            record_scores(self.lake, about, self.section, pairs_id, pairs, found)
            scores = list(found.scores)
        self.record.metrics({n: s.value for n, s in headlines(scores).items() if s.known})
        return Evaluated(about, terms(self.section), tuple(scores))


def judged_domains(snapshot: Snapshot) -> list[str]:
    """The domains of a snapshot's accepted pairs that have masks.

    Raises:
        InputError: if every pair was rejected.
    """
    accepted, rejected = snapshot.rows(Status.ACCEPTED), snapshot.rejected()
    if len(rejected) and not len(accepted):
        told = describe(snapshot)["rejected_for"]
        raise InputError(
            f"all {len(rejected)} pairs of data set {snapshot.name!r} were rejected ({told}): "
            "nothing is left to score; loosen pair_gates, or train the generator further"
        )
    # Where nothing has a mask there is nothing to judge.
    masked = accepted[snapshot.has_mask[accepted]]
    return sorted(set(snapshot.facets(masked)["domain"])) if len(masked) else []


def pairs_of(snapshot: Snapshot) -> tuple[PairBatch, PairBatch | None]:
    """The accepted pairs of a snapshot, and the rejected ones if there are any."""
    rejected = snapshot.rejected()
    return snapshot.read(), snapshot.read(rejected) if len(rejected) else None


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
