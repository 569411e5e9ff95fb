"""The whole factory: a recipe goes in; a published, scored, versioned data set comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from evaluation.gating.version_gates import Decision
from evaluation.metrics.registry import Score, headlines
from evaluation.utility.result import Utility
from factory.store.runs import rebase
from flows.context import Job, opened, recipe_name
from flows.evaluate import Evaluated, evaluate
from flows.generate import generate, verdicts
from flows.planning.recipe import Recipe
from flows.train import give_crown, train
from flows.utility import utility
from tasks.promotion import Crown, challenge
from tasks.publishing import BaseMovedError, Release, decide, publish
from tasks.reporting import Evidence, report_version
from tasks.services.prefect_server import announce

ATTEMPTS = 3


@dataclass(frozen=True)
class Outcome:
    """What one factory run came to.

    Attributes:
        dataset: name.
        run: id of the run.
        snapshot: with the verdicts; what scores, gates and tag name.
        version: tag of the published version, None where a gate failed.
        pairs: number of rows in each state.
        gates: the verdicts.
        scores: headline scores by name.
        report: the HTML file.
        crown: who is the champion; None where nothing was published or no champion is wanted.
    """

    dataset: str
    run: str
    snapshot: str
    version: str | None
    pairs: dict[str, int]
    gates: Decision
    scores: dict[str, Score]
    report: Path
    crown: Crown | None = None

    @property
    def published(self) -> bool:
        """Whether the gates let the version out."""
        return self.version is not None


@flow(name="factory", flow_run_name=recipe_name)
def build(recipe: Recipe | Path, home: Path | None = None) -> Outcome:
    """Trains, makes, scores, gates, publishes, tries and reports; goes on where it was stopped."""
    with opened(recipe, home) as job:
        train(recipe, home)
        generate(recipe, home)
        audit = audited(job, home)
        tried = audit.tried
        if tried is None and audit.release is not None and job.recipe.utility is not None:
            tried = utility(recipe, audit.snapshot, home)
        return concluded(job, audit, tried, crowned(job, audit, home))


@dataclass(frozen=True, eq=False)
class Audit:
    """A snapshot held against its gates, and what became of it.

    Attributes:
        evaluated: the scores of the snapshot (A) and what they are about.
        decision: on it.
        release: None where a gate failed.
        tried: its utility, where a gate had to know it.
    """

    evaluated: Evaluated
    decision: Decision
    release: Release | None
    tried: Utility | None

    @property
    def snapshot(self) -> str:
        """The snapshot that was audited."""
        return self.evaluated.about.subject


def audited(job: Job, home: Path | None) -> Audit:
    """Scores, gates and publishes; where another run was published meanwhile, on top of that."""
    for _ in range(ATTEMPTS):
        snapshot = str(job.store.head(job.run.branch))
        found = evaluate(job.recipe, snapshot, home)
        tried = utility(job.recipe, snapshot, home) if job.gates_need_utility else None
        decision = decide(job.store, job.lake, found.about, found.terms, job.recipe.gates)
        if not decision.passed:
            return Audit(found, decision, None, tried)
        try:
            release = publish(job.store, job.lake, snapshot, decision)
        except BaseMovedError:
            rebase(job.store, job.run)
            verdicts(job)
        else:
            return Audit(found, decision, release, tried)
    raise BaseMovedError(
        f"other runs published {job.recipe.name} {ATTEMPTS} times while this one was audited; "
        "run it again when they are through"
    )


def crowned(job: Job, audit: Audit, home: Path | None) -> Crown | None:
    """Has a published version challenge the champion, on validation data."""
    metric, release = job.recipe.champion, audit.release
    if release is None or metric is None:
        return None
    about, terms = audit.evaluated.about, audit.evaluated.terms
    with job.store.lock("crown"):
        held = job.lake.champion(job.recipe.name)
        if held is not None and held[1] != audit.snapshot:
            evaluate(job.recipe, held[1], home, "champion")
            if metric.startswith("utility"):
                utility(job.recipe, held[1], home)
        return challenge(job.lake, about, terms, metric, release)


@flow(name="report", flow_run_name=recipe_name)
def report(recipe: Recipe | Path, version: str, home: Path | None = None) -> Path:
    """Writes the report of a version anew; segmenters that were trained for it are read back."""
    with opened(recipe, home) as job:
        snapshot = job.store.snapshot(version).id
        found = evaluate(recipe, snapshot, home)
        tried = None if job.recipe.utility is None else utility(recipe, snapshot, home)
        return reported(job, found, tried)


def reported(job: Job, found: Evaluated, tried: Utility | None) -> Path:
    """Writes the report of a snapshot."""
    evidence = Evidence(found.about, found.terms, job.reference, tried)
    folder = job.settings.reports
    return report_version(
        job.store, job.lake, evidence, job.weights, job.checkpoint, folder, job.record
    )


def concluded(job: Job, audit: Audit, tried: Utility | None, crown: Crown | None) -> Outcome:
    """The report, the record of the run, and what to tell."""
    release, found = audit.release, audit.evaluated
    scores = headlines(job.lake.evidence(found.about, found.terms))
    page = reported(job, found, tried)
    if release is not None:
        known = {name: score.value for name, score in scores.items() if score.known}
        job.record.metrics(known, step=release.number)
        job.record.dataset(job.store, audit.snapshot, "published")
        if crown is None or crown.champion == release.tag:
            give_crown(job)
        announce(job.recipe.name, release.tag, audit.snapshot)
    return Outcome(
        dataset=job.recipe.name,
        run=job.run.id,
        snapshot=audit.snapshot,
        version=None if release is None else release.tag,
        pairs=job.store.snapshot(audit.snapshot).counts(),
        gates=audit.decision,
        scores=scores,
        report=page,
        crown=crown,
    )
