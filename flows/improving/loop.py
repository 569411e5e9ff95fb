"""One loop: its rounds one after the other, each a run of the recipe with a larger grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from evaluation.closed_loop.allocation import allocate
from evaluation.closed_loop.gain import gain_over, mean_over_facets, no_longer_gains
from evaluation.closed_loop.round import Round
from evaluation.lake.lake import Lake
from evaluation.lake.loops import LoopKey, record_round
from evaluation.statistics.bootstrap import NOTHING, Estimate
from factory.errors import InputError
from factory.identity import digest
from flows.build import built, concluded, reported
from flows.context import open_context
from flows.improving.asked import AskedFacet, askable, with_more
from flows.improving.tried import Tried
from flows.planning.recipe import Recipe
from tasks.services.progress import stage
from tasks.services.run_logs import KeptBackError
from tasks.services.settings import Settings


@dataclass(frozen=True, eq=False)
class Trial:
    """A round with what the next one starts from.

    Attributes:
        recipe: of its version.
        round: what is kept of it.
        tried: what its version taught.
    """

    recipe: Recipe
    round: Round
    tried: Tried


@dataclass(frozen=True, eq=False)
class Loop:
    """What all rounds share.

    Attributes:
        start: the recipe of the first version.
        facets: that can be asked for.
        settings: of the home.
    """

    start: Recipe
    facets: Sequence[AskedFacet]
    settings: Settings

    @staticmethod
    def of(recipe: Recipe, settings: Settings) -> Loop:
        """The loop that a recipe begins.

        Raises:
            InputError: if there is nothing to choose, or nothing would tell what was good.
        """
        with open_context(recipe, settings) as context:
            return Loop(recipe, askable(recipe, context.grid), settings)

    @cached_property
    def key(self) -> LoopKey:
        """What its rows in the lake are found by."""
        name = digest(self.start.portable(self.settings.home))[:12]
        return LoopKey(name, self.start.name, self.start.improve.rule)

    def first(self) -> Trial:
        """The version that the loop starts from, as the recipe asks for it.

        Raises:
            InputError: if its gates keep it back.
        """
        try:
            return self._tried(self.start, [each.pairs for each in self.facets], ())
        except KeptBackError as error:
            raise InputError(f"there is nothing to improve: {error}") from error

    def next(self, trials: Sequence[Trial]) -> Trial:
        """Gives out the pairs of one more round, has them made and tried.

        Raises:
            KeptBackError: if the gates keep the version back.
        """
        section, last = self.start.improve, trials[-1]
        rng = np.random.default_rng([section.seed, len(trials)])
        evidence = last.tried.evidence
        asked = allocate(evidence, section.pairs, section.floor, rng, section.rule)
        return self._tried(with_more(last.recipe, self.facets, asked), asked, trials)

    def ended(self, trials: Sequence[Trial]) -> str:
        """Why there is no further round; "" while there is one."""
        rounds, patience = self.start.improve.rounds, self.start.improve.patience
        gains = [each.round.gain for each in trials[1:]]
        if patience is not None and no_longer_gains(gains, patience):
            return f"none of the last {patience} rounds gained anything that stands out from 0"
        return f"all {rounds} rounds are made" if len(trials) > rounds else ""

    def report(self, trials: Sequence[Trial]) -> Path:
        """Writes the report of the last version, which shows the whole history."""
        last = trials[-1]
        with open_context(last.recipe, self.settings) as context:
            return reported(context, last.tried.built.evaluated, last.tried.built.utility)

    def _tried(self, recipe: Recipe, asked: Sequence[int], before: Sequence[Trial]) -> Trial:
        title = f"round {len(before)} of {self.start.improve.rounds}"
        with stage(title), open_context(recipe, self.settings) as context:
            made = built(context)
            concluded(context, made)
            if not made.outcome.published:
                failures = "; ".join(made.outcome.gates.failures)
                raise KeptBackError(f"the gates kept {title} back ({failures})")
            tried = Tried.of(context, made, self.facets)
        found = Trial(recipe, _round(tried, asked, before), tried)
        record_round(Lake(self.settings.lake), self.key, found.round)
        return found


def over_real(trial: Trial) -> Estimate:
    """What the pairs of a version add to the same real images alone; below 0 they harm."""
    return gain_over(trial.tried.alone, trial.tried.dice, trial.tried.facets)


def _round(tried: Tried, asked: Sequence[int], before: Sequence[Trial]) -> Round:
    outcome, gain = tried.built.outcome, NOTHING
    if before:
        gain = gain_over(before[-1].tried.dice, tried.dice, tried.facets)
    return Round(
        number=len(before),
        snapshot=outcome.snapshot,
        version=outcome.version or "",
        asked=tuple(asked),
        evidence=tuple(tried.evidence),
        level=mean_over_facets(tried.dice, tried.facets),
        gain=gain,
    )
