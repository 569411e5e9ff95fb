"""Several generators of the same domains, held against the same real images: which is better?

Every generator draws the same prompts from the same noise, so that differences are paired. A
difference is a mean over domains; its interval resamples synthetic images and patients within each
of them, and so speaks of these domains and of no others.

Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 8 (several samples).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.agreement.finding_agreement import FindingJudge
from evaluation.features.handcrafted import Handcrafted, RobustScale
from evaluation.features.names import IMAGE_GROUPS
from evaluation.fidelity.mmd import Kernel, mmd_estimate
from evaluation.labels import FINDING, UNLABELLED, known_indices
from evaluation.pairs import Images, Pairs, units_of
from evaluation.statistics.bootstrap import Estimate, Floats, Units
from evaluation.statistics.weighted_bootstrap import safe_divide

RESAMPLES = 1000
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class ArmFeatures:
    """What a comparison reads off images of one domain.

    Attributes:
        features: (N, D) scaled features.
        right: (N,) 1.0 where a classifier of real images sees the finding that was asked for (or
            that a real image shows), 0.0 where not; of length 0 where nothing can tell findings.
        findings: (N,) index of that finding, all counting the same whatever their number.
        units: (N,) patient of each image; synthetic images are their own.
    """

    features: Floats
    right: Floats
    findings: NDArray[np.intp]
    units: Units


@dataclass(frozen=True, eq=False)
class DomainComparison:
    """What every generator drew of one domain, and real held-out images of it.

    Attributes:
        domain: name.
        real: held-out images.
        arms: generator -> its images, equally many from the same prompts and noise.
    """

    domain: str
    real: ArmFeatures
    arms: Mapping[str, ArmFeatures]


def image_features(images: Images) -> Floats:
    """(N, D) raw handcrafted features that no mask enters."""
    groups = Handcrafted(("structure",)).groups(images, np.zeros(images.shape[:3], np.uint8))
    return np.hstack([groups[name] for name in IMAGE_GROUPS])


def compare_domain(
    domain: str,
    train: Pairs,
    held_out: Pairs,
    drawn: Mapping[str, Pairs],
    judge: FindingJudge | None,
) -> DomainComparison:
    """Reads off everything that is compared of one domain.

    Args:
        domain: name.
        train: real training images, on which features are scaled.
        held_out: real images that no generator and no judge has seen.
        drawn: generator -> its images; equally many in the same order of prompts.
        judge: classifier of the findings of `train`; None where there are fewer than two.

    Raises:
        ValueError: if generators drew different numbers of images.
    """
    if len({len(pairs) for pairs in drawn.values()}) > 1:
        raise ValueError(
            f"{domain}: { ({k: len(v) for k, v in drawn.items()}) } images; not paired"
        )
    scale = RobustScale.fit(image_features(train.images))

    def features_of(pairs: Pairs) -> ArmFeatures:
        features, units = scale.apply(image_features(pairs.images)), units_of(pairs)
        if judge is None:
            return ArmFeatures(features, np.zeros(0), np.zeros(0, np.intp), units)
        findings = known_indices(pairs, FINDING, judge.labels)
        right = (judge.probabilities(pairs.images).argmax(1) == findings).astype(float)
        return ArmFeatures(features, right, findings, units)

    arms = {arm: features_of(pairs) for arm, pairs in drawn.items()}
    return DomainComparison(domain, features_of(held_out), arms)


def distances_and_alignment(domains: Sequence[DomainComparison], *, seed: int = 0) -> pd.DataFrame:
    """A row per domain and generator: MMD and alignment, with their intervals.

    Columns: domain, arm, n, distance (`mmd.mmd_estimate` to the held-out images), alignment
    (balanced accuracy over that on the held-out images; NaN where nothing can tell real findings
    apart),
    each with _low and _high, and accuracy_real.
    """
    rows = []
    for each in domains:
        kernel = Kernel.of(each.real.features, seed=seed)
        for arm, ours in each.arms.items():
            units = each.real.units
            distance = mmd_estimate(
                ours.features, each.real.features, kernel, None, units, seed=seed
            )
            alignment = _estimate(*_aligned(each, arm, seed), len(ours.features))
            rows.append(
                {
                    "domain": each.domain,
                    "arm": arm,
                    "n": len(ours.features),
                    **_columns("distance", distance),
                    **_columns("alignment", alignment),
                    "accuracy_real": _accuracy(
                        each.real, _findings(each.real), np.ones((1, len(units)))
                    )[0],
                }
            )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class PairedDifference:
    """One generator against another, over all domains.

    Attributes:
        alignment_loss: alignment of the other minus ours: above 0 ours shows findings less well.
        distance_ratio: sum of our kernel distances over the sum of the other's: above 1 ours is
            farther from real images. Without a bound where the other's may be 0.
    """

    alignment_loss: Estimate
    distance_ratio: Estimate


def paired_difference(
    domains: Sequence[DomainComparison], ours: str, theirs: str, *, seed: int = 0
) -> PairedDifference:
    """Compares two generators, domain by domain, on the same resamples."""
    arms = ours, theirs
    aligned = [[_with_value(_aligned(d, arm, seed)) for d in domains] for arm in arms]
    loss = np.stack([b - a for a, b in zip(*aligned, strict=True)], axis=1)
    known = np.isfinite(loss[0])
    losses = safe_divide(loss[:, known].sum(1), np.full(len(loss), known.sum(), float))
    apart = [np.stack([_with_value(_distances(d, arm, seed)) for d in domains], 1) for arm in arms]
    sums = [each.sum(1) for each in apart]
    ratios = np.where(sums[1] > 0, safe_divide(sums[0], sums[1]), np.inf)
    n = sum(len(d.arms[ours].features) for d in domains)
    return PairedDifference(
        _estimate(float(losses[0]), losses[1:], n), _estimate(float(ratios[0]), ratios[1:], n)
    )


def _with_value(estimated: tuple[float, Floats]) -> Floats:
    value, draws = estimated
    return np.concatenate([[value], draws])


def _estimate(value: float, draws: Floats, n: int) -> Estimate:
    draws = draws[~np.isnan(draws)]
    if not np.isfinite(value) or not len(draws):
        return Estimate(NAN, NAN, NAN, n)
    # Draws may be infinite, between which nothing can be interpolated.
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    return Estimate(value, float(min(low, value)), float(max(high, value)), n)


def _aligned(each: DomainComparison, arm: str, seed: int) -> tuple[float, Floats]:
    ours, real = each.arms[arm], each.real
    judged = np.intersect1d(_findings(ours), _findings(real))
    one = [np.ones((1, len(part.features))) for part in (ours, real)]
    # Where real images are not told apart, drawn ones cannot be: the ratio would be 1 of anything.
    if len(judged) < 2 or _accuracy(real, judged, one[1])[0] <= 1 / len(judged):
        return NAN, np.full(RESAMPLES, NAN)
    drawn = _weights(each, arm, seed)
    value, draws = (
        safe_divide(_accuracy(ours, judged, a), _accuracy(real, judged, b)) for a, b in (one, drawn)
    )
    return float(value[0]), draws


def _findings(images: ArmFeatures) -> NDArray[np.intp]:
    return np.setdiff1d(images.findings, [UNLABELLED])


def _accuracy(images: ArmFeatures, labels: NDArray[np.intp], weights: Floats) -> Floats:
    """(R,) balanced accuracy over these findings, under weights (R, N) of the images."""
    if not len(images.right) or not len(labels):
        return np.full(len(weights), NAN)
    of_label = (images.findings[:, None] == labels).astype(float)
    return np.asarray(
        np.nanmean(
            safe_divide(weights @ (of_label * images.right[:, None]), weights @ of_label), axis=1
        )
    )


def _distances(each: DomainComparison, arm: str, seed: int) -> tuple[float, Floats]:
    a, b = each.arms[arm].features, each.real.features
    kernel = Kernel.of(b, seed=seed)
    one_unit = each.real.units[:, None] == each.real.units[None]
    values = (
        np.where(np.eye(len(a)), np.nan, kernel.gram(a, a)),
        np.where(one_unit, np.nan, kernel.gram(b, b)),
        kernel.gram(a, b),
    )
    one = np.ones((1, len(a))), np.ones((1, len(b)))
    return float(_distance(*values, *one)[0]), _distance(*values, *_weights(each, arm, seed))


def _distance(aa: Floats, bb: Floats, ab: Floats, of_a: Floats, of_b: Floats) -> Floats:
    """(R,) squared mean discrepancies under weights; values that are NaN, of one unit, do not count."""

    def within(values: Floats, weights: Floats) -> Floats:
        total, pairs = (
            ((weights @ each) * weights).sum(1)
            for each in (np.nan_to_num(values), np.isfinite(values).astype(float))
        )
        return safe_divide(total, pairs)

    across = ((of_a @ ab) * of_b).sum(1) / (of_a.sum(1) * of_b.sum(1))
    return np.asarray(within(aa, of_a) + within(bb, of_b) - 2 * across)


def _weights(each: DomainComparison, arm: str, seed: int) -> tuple[Floats, Floats]:
    """(R, N) and (R, M) resamples of images and of patients; the same ones for every generator."""
    rng = np.random.default_rng([seed, *each.domain.encode()])
    drawn = []
    for units in (np.arange(len(each.arms[arm].features)), each.real.units):
        code = np.unique(units, return_inverse=True)[1]
        size = code.max() + 1
        drawn.append(
            rng.multinomial(size, np.full(size, 1 / size), RESAMPLES)[:, code].astype(float)
        )
    return drawn[0], drawn[1]


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
