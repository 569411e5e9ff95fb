import numpy as np
import pandas as pd
import pytest

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


def test_the_detectable_gain_by_hand() -> None:
    # Seeds alone differ: their means are 0 and 1, of variance 1/2; two means of two such differ
    # with variance 2 (1/2) / 2.
    assert detectable_gain([[0.0, 1.0]] * 3) == pytest.approx(2.8016 * 0.5**0.5, rel=1e-4)
    # Seeds are alike on average: what is left of each number is 1/2, over (2 - 1) (2 - 1) degrees
    # the variance 4 (1/4) / 1 = 1, of which four numbers are averaged: 2 (1) / 4.
    assert detectable_gain([[0.0, 1.0], [1.0, 0.0]]) == pytest.approx(2.8016 * 0.5**0.5, rel=1e-4)
    # Units differ, and both trainings meet the same ones: nothing is left to chance.
    assert detectable_gain([[0.0, 0.0], [1.0, 1.0]]) == pytest.approx(0)
    assert np.isnan(detectable_gain([[0.3, 0.4]]))
    assert np.isnan(detectable_gain([[0.3], [0.5]]))


@pytest.mark.parametrize("of_seeds", [0.0, 0.02, 0.1])
def test_a_gain_of_that_size_is_found_four_times_in_five(of_seeds: float) -> None:
    """Two trainings of 8 seeds each on 40 patients, whose true variances are known."""
    rng, units, seeds, noise = np.random.default_rng(1), 40, 8, 0.1

    def trained(count: int) -> np.ndarray:
        shape = count, units, seeds
        return rng.normal(0, of_seeds, (count, 1, seeds)) + rng.normal(0, noise, shape)

    gain = np.sqrt(np.mean([detectable_gain(table) ** 2 for table in trained(300)]))
    gaps = gain + trained(2000).mean((1, 2)) - trained(2000).mean((1, 2))
    error = np.sqrt(2 * (of_seeds**2 / seeds + noise**2 / (seeds * units)))
    # Where seeds add nothing, that they seem to by chance errs on the safe side.
    assert 0.74 < np.mean(gaps > 1.96 * error) < 0.88


def test_noise_of_seeds_and_subsets_is_not_hidden_by_many_patients() -> None:
    cases = curve({5: 0.5, 10: 0.6}, noise=0.001, units=200)
    cases["dice"] += 0.1 * (cases["seed"] - 1)
    (found,) = learning_curves(cases)
    # Seeds lie at -0.1, 0 and 0.1, of variance 0.01: two means over three differ with 2 (0.01) / 3.
    assert found.detectable == pytest.approx(2.8016 * (0.02 / 3) ** 0.5, rel=0.02)
    assert "could not be seen" in found.verdict
