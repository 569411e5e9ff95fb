"""Differences of generators whose answer is known, and that say so when they cannot know."""

import numpy as np
import pytest

from evaluation.fidelity.mmd import Kernel, mmd
from evaluation.utility.generator_comparison import (
    ArmFeatures,
    DomainComparison,
    compare_domain,
    distances_and_alignment,
    paired_difference,
)


def features_of(shift, right, *, count=40, seed=0):
    features = np.random.default_rng(seed).normal(shift, 1, (count, 3))
    flags = (np.arange(count) % 10 < 10 * right).astype(float)
    return ArmFeatures(features, flags, np.arange(count) // 10 % 2, np.arange(count))


def domains_of(ours, theirs):
    return [
        DomainComparison(
            f"d{i}",
            features_of(0, 1, seed=i),
            {"ours": features_of(*ours, seed=9), "theirs": features_of(*theirs, seed=9)},
        )
        for i in range(4)
    ]


def test_equal_generators_differ_by_nothing():
    found = paired_difference(domains_of((1, 0.8), (1, 0.8)), "ours", "theirs")
    assert (found.alignment_loss.value, found.alignment_loss.high) == (0, 0)
    assert found.distance_ratio.value == found.distance_ratio.high == 1


def test_how_much_worse_a_generator_is_has_a_figure():
    found = paired_difference(domains_of((2, 0.6), (1, 0.8)), "ours", "theirs")
    assert found.alignment_loss.value == pytest.approx(0.2)
    assert 0 < found.alignment_loss.low < 0.2 < found.alignment_loss.high < 0.45
    assert found.distance_ratio.low > 1.25
    assert found.alignment_loss.n == 160


def test_the_interval_is_as_wide_as_chance_within_these_domains():
    domains, images, shares = 11, 64, (0.85, 0.7)
    rng = np.random.default_rng(0)
    findings = np.arange(images) % 2
    made = []
    for number in range(domains):
        features, units = rng.normal(size=(images, 2)), np.arange(images)
        certain = ArmFeatures(features, np.ones(images), findings, units)
        arms = {
            name: ArmFeatures(features, (rng.random(images) < share).astype(float), findings, units)
            for name, share in zip(("ours", "theirs"), shares, strict=True)
        }
        made.append(DomainComparison(f"domain {number}", certain, arms))
    found = paired_difference(made, "ours", "theirs").alignment_loss
    expected = np.sqrt(sum(share * (1 - share) for share in shares) / (images * domains))
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(expected, rel=0.15)


def test_where_real_findings_are_not_recognised_alignment_is_unknown():
    features, units, findings = np.zeros((4, 2)), np.arange(4), np.array([0, 0, 1, 1])
    features[:, 0] = units

    def answered(*right):
        return ArmFeatures(features, np.array(right, float), findings, units)

    chance = DomainComparison("a", answered(1, 1, 0, 0), {"x": answered(1, 1, 1, 1)})
    assert distances_and_alignment([chance])["alignment"].isna().all()
    told = DomainComparison("b", answered(1, 1, 1, 0), {"x": answered(1, 0, 1, 0)})
    assert distances_and_alignment([told])["alignment"].tolist() == pytest.approx([0.5 / 0.75])


def test_the_value_is_that_of_the_kernel_distance():
    (one, *_) = domains_of((2, 1), (1, 1))
    kernel = Kernel.of(one.real.features)
    apart = [mmd(one.arms[a].features, one.real.features, kernel) for a in one.arms]
    assert paired_difference([one], "ours", "theirs").distance_ratio.value == pytest.approx(
        apart[0] / apart[1]
    )
    assert distances_and_alignment([one])["distance"].tolist() == pytest.approx(apart)


def test_a_ratio_to_what_may_be_nothing_has_no_bound():
    found = paired_difference(domains_of((1, 1), (0, 1)), "ours", "theirs").distance_ratio
    assert not np.isfinite(found.high)


def test_without_findings_only_distances_are_measured(discs):
    real, other, drawn = (discs(12, seed=seed) for seed in (1, 2, 3))
    each = compare_domain("discs", real, other, {"a": drawn, "b": drawn}, None)
    table = distances_and_alignment([each])
    assert table["alignment"].isna().all()
    assert table["distance"].notna().all()
    found = paired_difference([each], "a", "b")
    assert np.isnan(found.alignment_loss.value)
    assert found.distance_ratio.value == 1


def test_unequal_numbers_are_refused(discs):
    real, other = discs(8, seed=1), discs(6, seed=2)
    with pytest.raises(ValueError, match="not paired"):
        compare_domain("discs", real, other, {"a": discs(3), "b": discs(4)}, None)
