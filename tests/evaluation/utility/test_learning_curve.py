import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from evaluation.utility.learning_curve import (
    curve_arms,
    detectable_gain,
    learning_curves,
    subset_sizes,
)


def curve(dice: dict[int, float], noise: float, units: int = 40, seeds: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 0.05, units)
    rows = [
        {"domain": "d", "images": k, "seed": seed, "unit": unit, "case": unit, "class": "macro"}
        | {"shown": True}
        | {"dice": level + hard[unit] + rng.normal(0, noise)}
        for k, level in dice.items()
        for seed in range(seeds)
        for unit in range(units)
    ]
    return pd.DataFrame(rows)


def test_sizes_double_and_end_with_everything() -> None:
    assert subset_sizes(97) == (5, 10, 20, 40, 97)
    assert subset_sizes(10) == (5, 10)
    assert subset_sizes(7) == (7,)


def test_every_size_is_trained_so_often(discs) -> None:  # type: ignore[no-untyped-def]
    found = curve_arms(discs(20), "unet", 2)
    assert [(arm.images, arm.seed) for arm in found] == [
        *((5, 0), (5, 1), (10, 0), (10, 1), (20, 0), (20, 1)),
    ]


def test_a_rising_curve_leaves_gains_and_says_so() -> None:
    (found,) = learning_curves(curve({5: 0.5, 10: 0.6, 20: 0.7, 40: 0.8}, noise=0.01))
    assert found.images == (5, 10, 20, 40)
    assert found.gain_all_vs_few.value == pytest.approx(0.3, abs=0.01)
    assert found.gain_last_doubling.value == pytest.approx(0.1, abs=0.01)
    assert "still rises" in found.verdict


def test_the_verdict_names_a_flat_end() -> None:
    (found,) = learning_curves(curve({5: 0.5, 10: 0.8, 20: 0.9, 40: 0.9}, noise=0.01))
    assert "the curve is flat" in found.verdict
    assert "up to about 0.4" in found.verdict


def test_the_verdict_says_what_could_not_be_seen() -> None:
    (found,) = learning_curves(curve({5: 0.80, 10: 0.80, 20: 0.81}, noise=0.2, units=6))
    assert "could not be seen" in found.verdict


def test_one_seed_says_that_nothing_can_be_known() -> None:
    (found,) = learning_curves(curve({5: 0.5, 10: 0.6, 20: 0.7}, noise=0.01, seeds=1))
    assert np.isnan(found.detectable)
    assert "unknown" in found.verdict
    assert "at least 2 seeds" in found.verdict
    assert "0.000" not in found.verdict


def test_too_few_patients_or_images() -> None:
    (one,) = learning_curves(curve({5: 0.5, 10: 0.6}, noise=0.0, units=1))
    assert "Too few held-out patients" in one.verdict
    (short,) = learning_curves(curve({7: 0.5}, noise=0.0))
    assert "no curve to read" in short.verdict


def test_the_detectable_gain_by_hand_and_by_trial() -> None:
    assert detectable_gain([-1.0, 1.0]) == pytest.approx(2.8016 * 2**0.5 / 2**0.5, rel=1e-4)
    assert np.isnan(detectable_gain([0.3]))
    rng = np.random.default_rng(1)
    gain = detectable_gain(rng.normal(0, 1, 2000)) * np.sqrt(2000 / 60)
    found = [ttest_1samp(rng.normal(gain, 1, 60), 0).pvalue <= 0.05 for _ in range(400)]
    assert 0.72 < np.mean(found) < 0.87
