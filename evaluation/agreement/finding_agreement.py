"""Does an image show the finding that its prompt asked for? A classifier of real ones answers.

Its accuracy alone misleads: where it is no better than chance on real images, it says nothing
about synthetic ones. So it is read between what the classifier reaches on real held-out images
and what the same synthetic images reach with the findings of other pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.agreement.judge_agreement import derangement
from evaluation.labels import UNLABELLED, Labels, known_indices
from evaluation.pairs import Images, Pairs, units_of
from evaluation.statistics.bootstrap import NOTHING, Estimate, Floats, Units, percentile
from evaluation.statistics.roc import (
    Discrimination,
    Measure,
    balanced_accuracy,
    discrimination,
)
from evaluation.statistics.weighted_bootstrap import draws, fewest_units, safe_divide, value_of

NAN = float("nan")


class FindingJudge(Protocol):
    """A classifier trained on the findings of real training images; it never sees the pairs."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def digest(self) -> str: ...
    def probabilities(self, images: Images) -> NDArray[np.float64]: ...


@dataclass(frozen=True, eq=False)
class FindingAgreement:
    """The classifier's verdict on pairs of one domain.

    The intervals resample units, synthetic and real; the classifier itself is taken as given. Without two findings to judge every estimate is NaN with n = 0.

    Attributes:
        findings: that are judged, by name: asked of some pair, known to the classifier and shown
            by some held-out image, so that all three figures speak of the same ones.
        pairs: of the synthetic images against the findings they were asked to show.
        real: of the real held-out images against the findings they do show.
        shuffled: of the synthetic images, each against the finding asked of another pair.
        balanced_accuracy_ratio: pairs / real; 1 is as recognisable as real, more is possible. NaN
            where the classifier does no better on real images than on shuffled pairs.
        closed: of balanced accuracy, (pairs - shuffled) / (real - shuffled): 0 no better than
            chance, 1 as good as real; NaN as above.
    """

    findings: tuple[str, ...]
    pairs: Discrimination
    real: Discrimination
    shuffled: Discrimination
    balanced_accuracy_ratio: Estimate
    closed: Estimate


@dataclass(frozen=True, eq=False)
class _Answers:
    """Probabilities (N, L) that the classifier gave, labels (N,) they are held against, units."""

    probabilities: Floats
    labels: Labels
    units: Units

    def among(self, judged: Labels) -> _Answers:
        at = np.isin(self.labels, judged)
        return _Answers(self.probabilities[at], self.labels[at], self.units[at])

    def value(self, measure: Measure) -> float:
        return value_of(self._weighted(measure), len(self.labels))

    def draws(self, measure: Measure, seed: int) -> Floats:
        return draws(self._weighted(measure), self.units, seed=seed)

    def discrimination(self, seed: int) -> Discrimination:
        return discrimination(self.probabilities, self.labels, self.units, seed=seed)

    def _weighted(self, measure: Measure) -> Callable[[Floats], Floats]:
        return lambda weights: measure(self.probabilities, self.labels, weights)


def finding_agreement(
    synthetic: Pairs,
    held_out: Pairs,
    classifier: FindingJudge,
    *,
    column: str = "finding",
    seed: int,
) -> FindingAgreement:
    """Asks the classifier once for every image, then holds its answers against three truths.

    Args:
        synthetic: N pairs of one domain; pairs that are asked for a finding which is not judged
            (blank, unknown to the classifier, or on no held-out image) are left out.
        held_out: real pairs of the same domain, unknown to the classifier and to the generator.
        classifier: trained on the real training pairs.
        column: of the facets: what a synthetic pair was asked to show, and a real one shows.
        seed: of the shuffling and of the bootstrap.
    """
    ours, theirs = (_ask(pairs, classifier, column) for pairs in (synthetic, held_out))
    judged = np.intersect1d(ours.labels[ours.labels != UNLABELLED], theirs.labels)
    if len(judged) < 2:
        nothing = Discrimination(NOTHING, NOTHING, NOTHING)
        return FindingAgreement((), nothing, nothing, nothing, NOTHING, NOTHING)
    findings = tuple(classifier.labels[index] for index in judged)
    return _agreement(findings, ours.among(judged), theirs.among(judged), seed)


def _agreement(
    findings: tuple[str, ...], pairs: _Answers, real: _Answers, seed: int
) -> FindingAgreement:
    other = pairs.labels[derangement(pairs.units, seed)]
    shuffled = _Answers(pairs.probabilities, other, pairs.units)
    trio = pairs, shuffled, real
    return FindingAgreement(
        findings=findings,
        pairs=pairs.discrimination(seed),
        real=real.discrimination(seed + 1),
        shuffled=shuffled.discrimination(seed),
        balanced_accuracy_ratio=_relative(_ratio, trio, seed),
        closed=_relative(_closed, trio, seed),
    )


def _ask(pairs: Pairs, classifier: FindingJudge, column: str) -> _Answers:
    labels = known_indices(pairs, column, classifier.labels)
    return _Answers(classifier.probabilities(pairs.images), labels, units_of(pairs))


def _relative(
    combine: Callable[[Floats, Floats, Floats], Floats],
    trio: tuple[_Answers, _Answers, _Answers],
    seed: int,
) -> Estimate:
    pairs, shuffled, real = trio
    values = [np.array(answers.value(balanced_accuracy)) for answers in trio]
    n = len(pairs.labels)
    if values[2] <= values[1]:
        return Estimate(NAN, NAN, NAN, n)
    value = float(combine(*values))
    # Pairs and shuffled share a seed, hence their resamples: they are the same images.
    ours, chance = (answers.draws(balanced_accuracy, seed) for answers in (pairs, shuffled))
    found = combine(ours, chance, real.draws(balanced_accuracy, seed + 1))
    found = found[np.isfinite(found)]
    fewest = min(fewest_units(answers.units, answers.labels) for answers in (pairs, real))
    if fewest < 2 or not len(found):
        return Estimate(value, NAN, NAN, n)
    return percentile(found, value, n)


def _ratio(pairs: Floats, _: Floats, real: Floats) -> Floats:
    return safe_divide(pairs, real)


def _closed(pairs: Floats, shuffled: Floats, real: Floats) -> Floats:
    return safe_divide(pairs - shuffled, real - shuffled)
