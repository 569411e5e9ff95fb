"""Can a classifier tell labels apart? AUROC, balanced accuracy and accuracy, with intervals.

All three take weights of the cases, since their intervals come from reweighting patients. Balanced
accuracy and accuracy take the likeliest label for the answer, of several equally likely ones the
first; AUROC looks at the order alone.

Degenerate cases: no case gives NaN with n = 0. Cases that all show one label give NaN for AUROC
(nothing to tell apart) and for balanced accuracy (always answering that label would score 1), with
n saying that cases there were. A label that no case shows is left out of the means over labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.labels import Labels
from evaluation.statistics.bootstrap import Estimate, Floats, Units
from evaluation.statistics.weighted_bootstrap import (
    draws,
    estimate,
    fewest_units,
    safe_divide,
    two_sided,
)

Measure = Callable[[Floats, Labels, Floats], Floats]


@dataclass(frozen=True)
class Discrimination:
    """How well a classifier tells labels apart, or how much better than another one.

    Attributes:
        auroc: in [0, 1], 0.5 without any knowledge; differences in [-1, 1].
        balanced_accuracy: in [0, 1], 1 / labels without any knowledge; differences in [-1, 1].
        accuracy: in [0, 1]; differences in [-1, 1].
    """

    auroc: Estimate
    balanced_accuracy: Estimate
    accuracy: Estimate


def discrimination(
    probabilities: ArrayLike, labels: ArrayLike, units: Units | None = None, *, seed: int
) -> Discrimination:
    """The three measures of one classifier, with percentile intervals that resample units.

    The interval is NaN where fewer than two units show some label. All answers right give an
    interval of width 0, since no resample can differ: n then says how much that is worth.

    Args:
        probabilities: (N, L) of each label, or (S, N, L) for S training seeds, which are averaged
            and resampled too. Any finite scores do, higher meaning likelier.
        labels: (N,) what each case shows, as an index below L.
        units: (N,) unit (patient) of each case; None means each is its own.
        seed: of the resampling.

    Raises:
        ValueError: if shapes differ, a probability is not finite or a label is out of range.
    """
    tables, truth = _checked(probabilities, labels)
    return _measured(
        lambda measure, weights: _by_seed(measure, tables, truth, weights), truth, units, seed
    )


def discrimination_gain(
    ours: ArrayLike, theirs: ArrayLike, labels: ArrayLike, units: Units | None = None, *, seed: int
) -> Discrimination:
    """By how much one classifier tells the same cases apart better than another: ours - theirs.

    A paired bootstrap: every resample of the units (and of training seeds, which pair too) is
    used for both classifiers.

    Args:
        ours: (N, L) or (S, N, L), as in `discrimination`.
        theirs: of the same shape, on the same cases.
        labels: (N,) what each case shows, as an index below L.
        units: (N,) unit (patient) of each case; None means each is its own.
        seed: of the resampling.

    Raises:
        ValueError: as in `discrimination`, or if the classifiers' shapes differ.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 8.
    """
    gap, truth = _gap(ours, theirs, labels)
    return _measured(gap, truth, units, seed)


def auroc_gain_p(
    ours: ArrayLike, theirs: ArrayLike, labels: ArrayLike, units: Units, *, seed: int
) -> float:
    """Two-sided p-value of no difference in AUROC, from the resamples of `discrimination_gain`.

    Arguments as there. NaN where fewer than two units show some label, or there is only one.
    """
    gap, truth = _gap(ours, theirs, labels)
    if not len(truth) or fewest_units(units, truth) < 2:
        return float("nan")
    return two_sided(draws(lambda weights: gap(auroc, weights), units, seed=seed))


def auroc(probabilities: Floats, labels: Labels, weights: Floats | None = None) -> Floats:
    """Area under the ROC curve: macro mean over labels, each against the rest.

    Of two labels the second one's score is read, which is the usual binary AUROC.

    Args:
        probabilities: (N, L).
        labels: (N,) index of the label of each case.
        weights: (R, N) of the cases, not negative; None means one row of equal ones.

    Returns:
        (R,) in [0, 1]. NaN where the cases show one label only, or weights leave one out.

    Source: Hanley & McNeil 1982, Radiology 143:29 (binary); Fawcett 2006, Pattern Recognition
    Letters 27:861, section 10 (each against the rest; here all labels count the same).
    """
    weights = _or_equal(weights, len(labels))
    shown = np.unique(labels)
    if len(shown) < 2:
        return np.full(len(weights), np.nan)
    against = shown[1:] if probabilities.shape[1] == 2 else shown
    areas = [binary_auroc(probabilities[:, k], labels == k, weights) for k in against]
    return np.asarray(np.mean(areas, axis=0))


def binary_auroc(
    scores: Floats, positive: NDArray[np.bool_], weights: Floats | None = None
) -> Floats:
    """Chance that a positive case scores higher than a negative one, ties counting half.

    Args:
        scores: (N,) finite.
        positive: (N,) which cases are.
        weights: (R, N) of the cases, not negative; None means one row of equal ones.

    Returns:
        (R,) in [0, 1]. NaN where no weight is on the positives, or none on the negatives.

    Source: Mann & Whitney 1947, Annals of Mathematical Statistics 18:50; Bamber 1975, Journal of
    Mathematical Psychology 12:387 (its equality with the area).
    """
    weights = _or_equal(weights, len(scores))
    if not len(scores):
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] > ranked[:-1]])
    sides = [weights[:, order] * side[order] for side in (positive, ~positive)]
    hits, others = (np.add.reduceat(side, starts, axis=1) for side in sides)
    beaten = np.cumsum(others, axis=1) - others / 2
    return safe_divide((hits * beaten).sum(1), hits.sum(1) * others.sum(1))


def balanced_accuracy(
    probabilities: Floats, labels: Labels, weights: Floats | None = None
) -> Floats:
    """Share of right answers per label, mean over the labels that the cases show.

    Arguments as in `auroc`.

    Returns:
        (R,) in [0, 1]. NaN where the cases show one label only, or weights leave one out.

    Source: Brodersen et al. 2010, ICPR, 3121.
    """
    weights = _or_equal(weights, len(labels))
    shown = np.unique(labels)
    if len(shown) < 2:
        return np.full(len(weights), np.nan)
    of_label = (labels[:, None] == shown).astype(np.float64)
    right = of_label * _right(probabilities, labels)[:, None]
    return np.asarray(safe_divide(weights @ right, weights @ of_label).mean(1))


def accuracy(probabilities: Floats, labels: Labels, weights: Floats | None = None) -> Floats:
    """(R,) share of right answers, in [0, 1]; NaN for no case. Arguments as in `auroc`."""
    weights = _or_equal(weights, len(labels))
    return safe_divide(weights @ _right(probabilities, labels), weights.sum(1))


MEASURES: Mapping[str, Measure] = {
    "auroc": auroc,
    "balanced_accuracy": balanced_accuracy,
    "accuracy": accuracy,
}


def _gap(
    ours: ArrayLike, theirs: ArrayLike, labels: ArrayLike
) -> tuple[Callable[[Measure, Floats], Floats], Labels]:
    """The difference of two classifiers in a measure under weights; and the checked labels."""
    a, truth = _checked(ours, labels)
    b, _ = _checked(theirs, labels)
    if a.shape != b.shape:
        raise ValueError(f"answers {a.shape} and {b.shape} are not of the same cases and labels")

    def gap(measure: Measure, weights: Floats) -> Floats:
        return _by_seed(measure, a, truth, weights) - _by_seed(measure, b, truth, weights)

    return gap, truth


def _measured(
    value: Callable[[Measure, Floats], Floats], labels: Labels, units: Units | None, seed: int
) -> Discrimination:
    units = np.arange(len(labels)) if units is None else units

    def over_units(measure: Measure) -> Estimate:
        # Accuracy alone needs no label to be there.
        strata = None if measure is accuracy else labels
        return estimate(lambda weights: value(measure, weights), units, seed=seed, strata=strata)

    return Discrimination(**{name: over_units(measure) for name, measure in MEASURES.items()})


def _by_seed(measure: Measure, tables: Floats, labels: Labels, weights: Floats) -> Floats:
    return np.stack([measure(table, labels, weights) for table in tables], axis=1)


def _checked(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, Labels]:
    tables, truth = np.asarray(probabilities, np.float64), np.asarray(labels)
    tables = tables[None] if tables.ndim == 2 else tables
    if tables.ndim != 3 or tables.shape[1:2] != truth.shape or not len(tables):
        raise ValueError(f"probabilities {tables.shape} do not fit labels {truth.shape}")
    if not np.isfinite(tables).all():
        raise ValueError(f"{int((~np.isfinite(tables)).sum())} probabilities are not finite")
    if len(truth) and not 0 <= truth.min() <= truth.max() < tables.shape[2]:
        raise ValueError(f"labels {truth.min()} to {truth.max()} are not among {tables.shape[2]}")
    return tables, truth.astype(np.intp)


def _or_equal(weights: Floats | None, count: int) -> Floats:
    return np.ones((1, count)) if weights is None else weights


def _right(probabilities: Floats, labels: Labels) -> Floats:
    return (probabilities.argmax(1) == labels).astype(np.float64)
