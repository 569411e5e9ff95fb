"""Publish: a judged snapshot -> a version, or the gates that stayed closed; and its champion."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.gating.version_gates import Decision
from evaluation.metrics.registry import headlines
from evaluation.utility.result import Utility
from factory.store.runs import rebase
from flows.context import RunContext
from flows.evaluate import Evaluated, evaluate_stage
from flows.generate import with_verdicts
from flows.train import promote_generator
from flows.utility import utility_stage
from tasks.promotion import Promotion, challenge
from tasks.publishing import BaseMovedError, Release, announce_once, decide, publish
from tasks.withdrawal import withdrawal

ATTEMPTS = 3


@dataclass(frozen=True, eq=False)
class Audit:
    """A snapshot held against its gates, and what became of it.

    Attributes:
        evaluated: the scores of the snapshot (A) and what they are about.
        decision: on it.
        release: None where a gate failed.
        utility: of its pairs, where a gate had to know it.
        withdrawn: that the version it is should not be used any more; "" where it may be.
    """

    evaluated: Evaluated
    decision: Decision
    release: Release | None
    utility: Utility | None
    withdrawn: str = ""

    @property
    def snapshot(self) -> str:
        """The snapshot that was audited."""
        return self.evaluated.about.subject


def audited(context: RunContext) -> Audit:
    """Scores, gates and publishes; where another run was published meanwhile, on top of that."""
    for _ in range(ATTEMPTS):
        snapshot = str(context.store.head(context.run.branch))
        found = evaluate_stage(context, snapshot)
        utility = utility_stage(context, snapshot) if context.gates_need_utility else None
        store, lake, gates = context.store, context.lake, context.recipe.gates
        decision = decide(store, lake, found.about, found.config_digest, gates)
        gone = withdrawal(lake, store.name, snapshot)
        if not decision.passed:
            return Audit(found, decision, None, utility, gone)
        try:
            release = publish(store, lake, snapshot, decision)
        except BaseMovedError:
            rebase(store, context.run)
            with_verdicts(context)
        else:
            return Audit(found, decision, release, utility, gone)
    raise BaseMovedError(
        f"other runs published {context.recipe.name} {ATTEMPTS} times while this one was audited; "
        "run it again when they are through"
    )


def promoted(context: RunContext, audit: Audit) -> Promotion | None:
    """Has a published version challenge the champion, on validation data; no withdrawn one."""
    metric, release = context.recipe.champion, audit.release
    if release is None or metric is None or audit.withdrawn:
        return None
    # Locks keep the name they had: an older release may be at work in the same home.
    with context.store.lock("crown"):
        held = context.lake.champion(context.recipe.name)
        if held is not None and held[1] != audit.snapshot:
            evaluate_stage(context, held[1], "champion")
            if metric.startswith("utility"):
                utility_stage(context, held[1])
        found = audit.evaluated
        return challenge(context.lake, found.about, found.config_digest, metric, release)


def announced(context: RunContext, audit: Audit, promotion: Promotion | None) -> bool:
    """Records a published version, promotes its generator, and tells whoever waits for one.

    Gives whether the version is news: not where one was kept back, was out before this run, or is
    withdrawn, which nobody should be sent to.
    """
    release, found = audit.release, audit.evaluated
    if release is None or audit.withdrawn:
        return False
    scores = headlines(context.lake.decision_scores(found.about, found.config_digest))
    context.record.scores(scores, step=release.number)
    context.record.dataset(context.store, audit.snapshot, "published")
    if promotion is None or promotion.champion == release.tag:
        promote_generator(context)
    return announce_once(context.store, context.lake, release)
