"""The whole factory: a recipe goes in; a published, scored, versioned data set comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from evaluation.gating.version_gates import Decision
from evaluation.metrics.registry import Score, headlines
from evaluation.report.answers import Answer, answers
from evaluation.utility.result import Utility
from flows.context import RunContext
from flows.evaluate import Evaluated, evaluate_stage
from flows.generate import generate_stage
from flows.planning.recipe import Recipe
from flows.publish import announced, audited, promoted
from flows.stages import deployed, recipe_name, stage_flow
from flows.train import train_stage
from flows.utility import utility_stage
from tasks.promotion import Promotion
from tasks.reporting import Evidence, report_version


@stage_flow("factory")
def build_stage(context: RunContext) -> Outcome:
    """Trains, makes, scores, gates, publishes, tries and reports; goes on where it was stopped."""
    train_stage(context)
    generate_stage(context)
    audit = audited(context)
    release, utility = audit.release, audit.utility
    if utility is None and release is not None and context.recipe.utility is not None:
        utility = utility_stage(context, audit.snapshot)
    promotion = promoted(context, audit)
    report = reported(context, audit.evaluated, utility)
    scores = context.lake.decision_scores(audit.evaluated.about, audit.evaluated.config_digest)
    announced(context, audit, promotion)
    return Outcome(
        dataset=context.recipe.name,
        run=context.run.id,
        snapshot=audit.snapshot,
        version=None if release is None else release.tag,
        pairs=context.store.snapshot(audit.snapshot).counts(),
        gates=audit.decision,
        scores=headlines(scores),
        answers=answers(scores),
        report=report,
        promotion=promotion,
    )


@flow(name="factory", flow_run_name=recipe_name)
def build(recipe: Recipe | Path, home: Path | None = None) -> Outcome:
    """The whole factory, as a deployment."""
    with deployed(recipe, home) as context:
        return build_stage.fn(context)


@stage_flow("report")
def report_stage(context: RunContext, version: str) -> Path:
    """Writes the report of a version anew; models that were trained for it are read back."""
    snapshot = context.store.snapshot(version).id
    found = evaluate_stage(context, snapshot)
    wanted = context.recipe.utility is not None
    return reported(context, found, utility_stage(context, snapshot) if wanted else None)


def reported(context: RunContext, found: Evaluated, utility: Utility | None) -> Path:
    """Writes the report of a snapshot."""
    evidence = Evidence(found.about, found.config_digest, context.reference, utility)
    weights = context.checkpoints, context.checkpoint
    folder = context.settings.reports
    return report_version(context.store, context.lake, evidence, *weights, folder, context.record)


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
        answers: what all scores, those of single domains too, say in short.
        report: the HTML file.
        promotion: who is the champion; None where nothing was published or no champion is wanted.
    """

    dataset: str
    run: str
    snapshot: str
    version: str | None
    pairs: dict[str, int]
    gates: Decision
    scores: dict[str, Score]
    answers: tuple[Answer, ...]
    report: Path
    promotion: Promotion | None = None

    @property
    def published(self) -> bool:
        """Whether the gates let the version out."""
        return self.version is not None
