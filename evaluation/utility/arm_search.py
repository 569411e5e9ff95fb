"""Chooses, within an arm's own real images, how synthetic pairs enter its training, if at all.

Source: successive halving, Jamieson & Talwalkar 2016 (arXiv 1502.07943); folds of an arm's real
patients take the place of a validation set, which somebody with few images does not have.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.folds import folds_of
from evaluation.pairs import Block, Pairs, take, units_of
from evaluation.settings import ArmKind, SearchSection, UtilitySection
from evaluation.statistics.bootstrap import Units
from evaluation.statistics.standard_error import standard_error
from evaluation.utility.arms import Arm

if TYPE_CHECKING:
    from evaluation.networks.training_loop import Step
    from evaluation.utility.downstream_task import AnyTask

ERRORS = 1.0  # standard errors that a gain must exceed for pairs to be used

Values = NDArray[np.float64]  # of real pairs, each tested by a network that had not seen it


@dataclass(frozen=True)
class Mixture:
    """How synthetic pairs enter a training: a kind of arm and its ratio; kind real: not at all."""

    kind: ArmKind = "real"
    ratio: float = 0.0

    def __str__(self) -> str:
        if self.kind == "real":
            return "no pairs"
        return f"{self.kind} {self.ratio:g} to 1" if self.ratio else self.kind

    def applied(self, arm: Arm) -> Arm:
        """The arm, trained so."""
        return replace(arm, kind=self.kind, ratio=self.ratio)


@dataclass(frozen=True)
class Choice:
    """What a search ended with.

    Attributes:
        mixture: chosen.
        gain: of the best mixture with pairs on real images alone, mean over the images tested.
        error: standard error of that, patients being drawn and not images.
        images: tested, each once.
    """

    mixture: Mixture
    gain: float
    error: float
    images: int

    @property
    def card(self) -> dict[str, Any]:
        """As JSON values; `read` is the way back."""
        return asdict(self)

    @staticmethod
    def read(card: dict[str, Any]) -> Choice:
        """A choice that was written down."""
        return Choice(**{**card, "mixture": Mixture(**card["mixture"])})


REAL = Mixture()


def mixtures(section: SearchSection) -> list[Mixture]:
    """What is tried, real images alone first."""
    mixed = [Mixture("annealed", ratio) for ratio in section.ratios]
    return [REAL, *mixed, *([Mixture("pretrained")] if section.pretrained else [])]


def search_steps(section: SearchSection, steps: int) -> int:
    """Training steps of one search, beside those of the network that it chooses for."""
    count, spent = len(mixtures(section)), 0
    for share in section.rounds:
        spent += count * section.folds * max(1, round(share * steps))
        count = _survivors(count)
    return spent


def arm_steps(arm: Arm, section: UtilitySection) -> int:
    """Training steps of an arm, its search included."""
    search = search_steps(section.search, section.steps) if arm.kind == "searched" else 0
    return section.steps + search


def searched(
    task: AnyTask,
    arm: Arm,
    real: Block,
    synthetic: Pairs,
    targets: Sequence[str],
    section: UtilitySection,
) -> Generator[Step, None, Choice]:
    """Searches, and yields every step of its trainings, numbered through.

    Every round trains each remaining mixture on all folds but one, tests it on that one, and drops
    the worse half; real images alone stay to the end. A mixture with pairs is chosen only if its
    gain on the same images exceeds its standard error.

    Args:
        task: of the arm.
        arm: of the kind `searched`.
        real: the arm's own real pairs, and no others.
        synthetic: accepted pairs of the version.
        targets: of the domain.
        section: of the recipe.
    """
    folds, number = min(section.search.folds, len(np.unique(units_of(real)))), 0
    values: dict[Mixture, Values] = {}
    left = mixtures(section.search) if folds > 1 else [REAL]
    for share in section.search.rounds if len(left) > 1 else ():
        steps, values = max(1, round(share * section.steps)), {}
        for mixture in left:
            trial = _CrossValidation(task, mixture.applied(arm), real, synthetic, targets, section)
            values[mixture] = np.full(len(real), np.nan)
            for step in trial.run(folds, steps, values[mixture]):
                number += 1
                yield replace(step, number=number)
        left = _kept(values)
    return _choice(values, units_of(real))


@dataclass(frozen=True, eq=False)
class _CrossValidation:
    task: AnyTask
    arm: Arm
    real: Block
    synthetic: Pairs
    targets: Sequence[str]
    section: UtilitySection

    def run(self, folds: int, steps: int, values: Values) -> Generator[Step, None, None]:
        """Fills `values` (N,) with what is measured on every real pair when it is held out."""
        of_pair = folds_of(self.real, folds)
        for fold in range(folds):
            at = np.flatnonzero(of_pair == fold)
            known = take(self.real, of_pair != fold)
            arm = replace(self.arm, images=len(known))
            network, loop = self.task.start(
                arm,
                known,
                self.synthetic,
                self.targets,
                steps,
                None,
                self.section.domain_randomisation,
            )
            yield from loop
            place = {"case": at, "unit": units_of(self.real)[at]}
            cases = self.task.measured(network, take(self.real, at), place, self.section)
            found = self.task.case_values(cases)
            values[found.index.to_numpy(int)] = found.to_numpy(float)


def _survivors(count: int) -> int:
    return 1 + count // 2  # real images alone, and the better half of the others


def _kept(values: dict[Mixture, Values]) -> list[Mixture]:
    """Real images alone, and the better half of the mixtures, in the order of their means."""
    mixed = sorted(_mixed(values), key=lambda mixture: -np.nanmean(values[mixture]))
    return [REAL, *mixed[: _survivors(len(values)) - 1]]


def _mixed(values: dict[Mixture, Values]) -> list[Mixture]:
    """Those with pairs, in the order they were tried in: of equal ones the first is taken."""
    return [mixture for mixture in values if mixture != REAL]


def _choice(values: dict[Mixture, Values], units: Units) -> Choice:
    mixed = _mixed(values)
    if not mixed:
        return Choice(REAL, float("nan"), float("nan"), 0)
    best = max(mixed, key=lambda mixture: float(np.nanmean(values[mixture])))
    gaps = values[best] - values[REAL]
    known = np.isfinite(gaps)
    gain = float(gaps[known].mean()) if known.any() else float("nan")
    error = standard_error(gaps[known], units[known])
    used = best if gain > ERRORS * error else REAL
    return Choice(used, gain, error, int(known.sum()))
