"""The whole factory: a recipe goes in; a published, scored, versioned data set comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import State, flow
from prefect.states import Failed

from evaluation.gating.version_gates import Decision
from evaluation.metrics.registry import Score, headlines
from evaluation.report.answers.answer import Answer, answers
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
from tasks.provenance import rejected_for, version_of
from tasks.reporting import Evidence, report_version
from tasks.reports.consents import record_consent
from tasks.services.prefect_display.verdict import RunVerdict
from tasks.services.run_logs import KeptBackError


@dataclass(frozen=True, eq=False)
class Built:
    """A run that is through.

    Attributes:
        outcome: what it came to.
        evaluated: its scores, and what they are about.
        utility: of its pairs; None where it was not measured.
        news: whether a version was published that was not out before.
    """

    outcome: Outcome
    evaluated: Evaluated
    utility: Utility | None
    news: bool


@stage_flow("factory")
def build_stage(context: RunContext) -> Outcome | State[Outcome]:
    """Trains, makes, scores, gates, publishes, tries and reports; goes on where it was stopped.

    Raises:
        GateFailedError: if a gate failed; the flow run ends in the state GateFailed.
    """
    return concluded(context, built(context))


def built(context: RunContext) -> Built:
    """All of a run but the telling how it ended."""
    record_consent(context.lake, context.recipe.name, context.recipe.show_real)
    train_stage(context)
    generate_stage(context)
    audit = audited(context)
    release, utility = audit.release, audit.utility
    if utility is None and release is not None and context.recipe.utility is not None:
        utility = utility_stage(context, audit.snapshot)
    promotion = promoted(context, audit)
    report = reported(context, audit.evaluated, utility, kept_back=release is None)
    scores = context.lake.decision_scores(audit.evaluated.about, audit.evaluated.config_digest)
    news = announced(context, audit, promotion)
    snapshot = context.store.snapshot(audit.snapshot)
    outcome = Outcome(
        dataset=context.recipe.name,
        run=context.run.id,
        snapshot=audit.snapshot,
        version=None if release is None else release.tag,
        pairs=snapshot.counts(),
        rejected_for=rejected_for(snapshot),
        gates=audit.decision,
        scores=headlines(scores),
        answers=answers(scores),
        report=report,
        promotion=promotion,
        out_as=version_of(context.lake, snapshot),
        withdrawn=audit.withdrawn,
    )
    return Built(outcome, audit.evaluated, utility, news)


def concluded(context: RunContext, found: Built) -> Outcome | State[Outcome]:
    """Tells Prefect and MLflow how a run ended; a failed gate is a failure of its own name."""
    outcome = found.outcome
    verdict = RunVerdict(
        outcome.dataset,
        outcome.version,
        outcome.gates,
        outcome.report,
        found.news,
        outcome.beside,
        outcome.out_as,
    )
    verdict.tell()
    name = outcome.version or outcome.out_as or "kept back"
    context.record.describe(f"{outcome.dataset} {name}", verdict.note)
    context.record.tags(verdict.tags)
    if outcome.published:
        return outcome
    return Failed(name="GateFailed", message=verdict.line, data=GateFailedError(outcome))


@flow(name="factory", flow_run_name=recipe_name)
def build(
    recipe: Recipe | Path, home: Path | None = None, set: tuple[str, ...] = ()
) -> Outcome | State[Outcome]:
    """The whole factory, as a deployment: trains, makes, scores, gates, publishes and reports.

    Args:
        recipe: the name of a shipped recipe such as demo, the absolute path of a YAML file where the
            worker runs, or the recipe itself.
        home: folder of everything, an absolute path; without one, MEDPAIR_HOME of the worker.
        set: overrides of the recipe's keys, each as KEY=VALUE: grid.replicates=14.
    """
    with deployed(recipe, home, set) as context:
        return build_stage.fn(context)


@stage_flow("report")
def report_stage(context: RunContext, version: str) -> Path:
    """Writes the report of a version anew; models that were trained for it are read back."""
    snapshot = context.store.snapshot(version).id
    found = evaluate_stage(context, snapshot)
    wanted = context.recipe.utility is not None
    return reported(context, found, utility_stage(context, snapshot) if wanted else None)


def reported(
    context: RunContext, found: Evaluated, utility: Utility | None, kept_back: bool = False
) -> Path:
    """Writes the report of a snapshot."""
    known, recipe = (found.about, found.config_digest), context.recipe
    shown = recipe.evaluate.sample, recipe.show_real
    evidence = Evidence(*known, context.reference, utility, *shown, kept_back)
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
        rejected_for: reason -> number of pairs rejected for it.
        gates: the verdicts.
        scores: headline scores by name.
        answers: what all scores, those of single domains too, say in short.
        report: the HTML file.
        promotion: who is the champion; None where nothing was published or no champion is wanted.
        out_as: version that the same pairs are out as, perhaps since gates that were less strict.
        withdrawn: that this version should not be used any more, and why; "" where it may be.
    """

    dataset: str
    run: str
    snapshot: str
    version: str | None
    pairs: dict[str, int]
    rejected_for: dict[str, int]
    gates: Decision
    scores: dict[str, Score]
    answers: tuple[Answer, ...]
    report: Path
    promotion: Promotion | None = None
    out_as: str = ""
    withdrawn: str = ""

    @property
    def published(self) -> bool:
        """Whether the gates let the version out."""
        return self.version is not None

    @property
    def beside(self) -> tuple[str, ...]:
        """What else should be known of the version, a line each."""
        stays = self.out_as and not self.published
        stands = f"{self.dataset}@{self.out_as} holds the same pairs and stays as it was published"
        return tuple(line for line in (stands if stays else "", self.withdrawn) if line)


class GateFailedError(KeptBackError):
    """A run that is through, and whose version a gate kept back.

    Attributes:
        outcome: what it came to.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        return "; ".join(self.outcome.gates.failures)
