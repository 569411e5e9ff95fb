"""Evaluate: a version of pairs + real pairs -> scores in the lake and in MLflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from prefect import flow

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score, headlines
from evaluation.pairs import by_domain, with_masks
from evaluation.scoring.version import config_digest
from evaluation.settings import EvaluateSection
from factory.errors import InputError
from factory.pairs import PairBatch
from factory.store.sample import Sample
from factory.store.snapshot import Snapshot
from factory.store.versions import describe
from flows.context import RunContext
from flows.planning.external_folder import FolderContext
from flows.stages import stage_flow
from tasks.real_data import Reference
from tasks.scoring import (
    judges_digest,
    record_scores,
    score_pairs,
    train_auxiliary_models,
    train_judges,
)
from tasks.services.mlflow_tracking import Record, Tracker
from tasks.services.settings import Settings


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A scoring that is in the lake.

    Attributes:
        about: what was scored, against which real data and by which judge.
        config_digest: what the scores depend on besides, see `evaluation.scoring.version.config_digest`.
        scores: all of them.
        pairs: how many were scored.
        maskless: how many of these have no mask, and count in no score that needs one.
    """

    about: ScoreKey
    config_digest: str
    scores: tuple[Score, ...]
    pairs: int
    maskless: int


@stage_flow("evaluate")
def evaluate_stage(context: RunContext, version: str, purpose: str = "evaluation") -> Evaluated:
    """Scores the accepted pairs of a version against the recipe's training and validation pairs.

    Scores that the lake has already are read from it, not worked out again.

    Args:
        context: whose data set and source are meant.
        version: tag, branch or snapshot of the data set.
        purpose: what the record of the run calls it.
    """
    with context.record.child(purpose) as record:
        snapshot = context.store.snapshot(version)
        settings, section = context.settings, context.recipe.evaluate
        scorer = Scorer(context.lake, context.reference, section, settings, record)
        sample = Sample.drawn(snapshot, section.sample)
        subject = Subject.of_version(snapshot, sample, context.recipe.name)
        found = scorer.scored(subject, partial(pairs_of, snapshot, sample))
        record.dataset(context.store, snapshot.id, "evaluation")
        return found


@flow(name="evaluate-folder")
def evaluate_folder(context: FolderContext) -> Evaluated:
    """Scores a folder of pairs, whoever made them, against real ones."""
    settings, content = context.settings, context.theirs.digest
    tracker, name = Tracker.of(settings), context.folder.name
    with tracker.run(name, content[:12], "evaluation") as record:
        lake, section = Lake(settings.lake), context.evaluate
        scorer = Scorer(lake, context.reference, section, settings, record)
        subject = Subject.of_pairs(content, context.pairs, name)
        return scorer.scored(subject, lambda: (numbered(context.pairs), None))


@dataclass(frozen=True)
class Subject:
    """What is scored.

    Attributes:
        id: snapshot of a data set, or content digest of a folder.
        pairs_id: of its pairs, which snapshots may share.
        data_set: name, for people.
        domains: that have masks: where nothing has one there is nothing to judge.
        pairs: how many are scored.
        maskless: how many of these have no mask.
    """

    id: str
    pairs_id: str
    data_set: str
    domains: tuple[str, ...]
    pairs: int
    maskless: int

    @staticmethod
    def of_version(snapshot: Snapshot, sample: Sample, data_set: str) -> Subject:
        """The accepted pairs of a snapshot, or as many as are drawn of them.

        Raises:
            InputError: if every pair was rejected.
        """
        domains, rows = tuple(judged_domains(snapshot, sample)), sample.accepted
        maskless = int(np.sum(~snapshot.has_mask[rows]))
        ids = snapshot.id, snapshot.pairs_id
        return Subject(*ids, data_set, domains, len(rows), maskless)

    @staticmethod
    def of_pairs(digest: str, pairs: PairBatch, data_set: str) -> Subject:
        """Pairs that are in no store, by the digest of their content."""
        domains = tuple(name for name, _ in by_domain(with_masks(pairs)))
        maskless = int(np.sum(~pairs.has_mask))
        return Subject(digest, digest, data_set, domains, len(pairs), maskless)


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores pairs against one set of real ones, unless the lake has the scores already."""

    lake: Lake
    reference: Reference
    section: EvaluateSection
    settings: Settings
    record: Record

    def scored(
        self, subject: Subject, read: Callable[[], tuple[PairBatch, PairBatch | None]]
    ) -> Evaluated:
        """The scores of a subject; `read` gives its accepted and its rejected pairs."""
        models, known = self.settings.models, (self.reference, subject.domains, self.section)
        judges = train_judges(*known, models, self.record)
        against = self.reference.digest, judges_digest(judges)
        about = ScoreKey(subject.id, *against, subject.data_set)
        scores = self.lake.scoring(about, config_digest(self.section))
        if scores is None:
            pairs, rejected = read()
            auxiliary = train_auxiliary_models(
                self.reference, subject.id, pairs, self.section, models, self.record
            )
            found = score_pairs(pairs, self.reference, judges, self.section, auxiliary, rejected)
            record_scores(self.lake, about, self.section, subject.pairs_id, pairs, found)
            scores = list(found.scores)
        self.record.scores(headlines(scores))
        counts = subject.pairs, subject.maskless
        return Evaluated(about, config_digest(self.section), tuple(scores), *counts)


def judged_domains(snapshot: Snapshot, sample: Sample) -> list[str]:
    """The domains of a snapshot's accepted pairs that have masks.

    Raises:
        InputError: if every pair was rejected.
    """
    if len(sample.rejected) and not len(sample.accepted):
        reasons = describe(snapshot)["rejected_for"]
        raise InputError(
            f"all {len(sample.rejected)} pairs of data set {snapshot.name!r} were rejected "
            f"({reasons}): nothing is left to score; loosen pair_gates, or train the generator "
            "further"
        )
    # Where nothing has a mask there is nothing to judge.
    masked = sample.accepted[snapshot.has_mask[sample.accepted]]
    return sorted(set(snapshot.facets(masked)["domain"])) if len(masked) else []


def pairs_of(snapshot: Snapshot, sample: Sample) -> tuple[PairBatch, PairBatch | None]:
    """The drawn accepted pairs of a snapshot, and the rejected ones if there are any."""
    rejected = snapshot.read(sample.rejected) if len(sample.rejected) else None
    return snapshot.read(sample.accepted), rejected


def numbered(pairs: PairBatch) -> PairBatch:
    """The pairs with a row number each, by which the lake knows them."""
    return replace(pairs, facets=pairs.facets.assign(row=range(len(pairs))))
