import math

import numpy as np
import pytest
import skimage.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.fidelity.ms_ssim import WEIGHTS, pairwise_ms_ssim, random_pairs


def noise(count, size=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 1)).astype(np.uint8)


@given(count=st.integers(0, 12), pairs=st.integers(1, 80), seed=st.integers(0, 9))
def test_pairs_are_distinct_and_of_different_images(count, pairs, seed):
    first, second = random_pairs(np.arange(count), pairs, seed)
    assert len(first) == min(pairs, count * (count - 1) // 2)
    assert (first != second).all()
    assert len({frozenset(pair) for pair in zip(first, second, strict=True)}) == len(first)


@given(half=st.integers(1, 30), seed=st.integers(0, 9))
def test_the_first_pairs_share_no_image(half, seed):
    first, second = random_pairs(np.arange(2 * half), half, seed)
    assert len({*first, *second}) == 2 * half


@given(units=st.lists(st.integers(0, 4), max_size=12), pairs=st.integers(1, 80))
def test_pairs_are_of_different_patients_as_many_as_there_are(units, pairs):
    units = np.array(units, int)
    first, second = random_pairs(units, pairs, 0)
    possible = sum(a != b for at, a in enumerate(units) for b in units[:at])
    assert (units[first] != units[second]).all()
    assert len({frozenset(pair) for pair in zip(first, second, strict=True)}) == len(first)
    assert len(first) == min(pairs, possible)


def test_slices_of_one_patient_do_not_make_a_set_look_alike():
    """Three patients of four equal slices each: patients differ, whatever their slices do."""
    slices, units = np.repeat(noise(3), 4, axis=0), np.repeat(np.arange(3), 4)
    of_patients = pairwise_ms_ssim(slices, units, pairs=48, seed=0)
    assert of_patients.values.max() < 0.2
    assert pairwise_ms_ssim(slices, pairs=48, seed=0).values.max() > 0.99
    one_each = pairwise_ms_ssim(noise(3), pairs=3, seed=0).estimate(0)
    found = of_patients.estimate(0)
    assert (found.value, found.n) == (pytest.approx(one_each.value), 48)
    assert (found.low, found.high) == pytest.approx((one_each.low, one_each.high))
    two = pairwise_ms_ssim(slices[:8], units[:8], pairs=16, seed=0).estimate(0)
    assert math.isnan(two.low)


def test_equal_images_score_one_and_noise_nearly_nothing():
    same = np.repeat(noise(1), 4, axis=0)
    assert pairwise_ms_ssim(same, pairs=6, seed=0).values == pytest.approx(1, abs=1e-6)
    assert pairwise_ms_ssim(noise(4), pairs=6, seed=0).values.max() < 0.2
    constant = np.full((3, 64, 64, 1), 8, np.uint8)
    assert pairwise_ms_ssim(constant, pairs=3, seed=0).values == pytest.approx(1)


@pytest.mark.parametrize("size", [32, 48, 64, 128, 192])
def test_any_size_that_a_model_makes_is_measured(size):
    found = pairwise_ms_ssim(noise(3, size), pairs=3, seed=0)
    assert ((found.values >= 0) & (found.values <= 1)).all()


def test_it_agrees_with_the_published_formula_over_scikit_images_ssim():
    rng = np.random.default_rng(0)
    base = rng.normal(120, 40, (192, 192))
    images = np.stack([base + rng.normal(0, 15, base.shape) for _ in range(2)])
    images = images.clip(0, 255).round().astype(np.uint8)[..., None]
    one, other = images[..., 0].astype(np.float64)
    expected = 1.0
    for scale, weight in enumerate(WEIGHTS):
        expected *= contrast_or_ssim(one, other, whole=scale == len(WEIGHTS) - 1) ** weight
        one, other = halved(one), halved(other)
    assert pairwise_ms_ssim(images, pairs=1, seed=0).values == pytest.approx(expected, abs=2e-3)


def halved(image):
    return image.reshape(image.shape[0] // 2, 2, -1, 2).mean((1, 3))


def contrast_or_ssim(one, other, *, whole):
    """Mean SSIM; without the luminance term it is that of images whose local means are gone."""
    options = {"data_range": 255, "gaussian_weights": True, "use_sample_covariance": False}
    _, full = skimage.metrics.structural_similarity(one, other, full=True, truncate=3.34, **options)
    if not whole:
        from scipy.ndimage import gaussian_filter

        a, b = (gaussian_filter(image, 1.5, truncate=3.34) for image in (one, other))
        steady = (0.01 * 255) ** 2
        full = full / ((2 * a * b + steady) / (a**2 + b**2 + steady))
    return full[5:-5, 5:-5].mean()


def test_too_few_images_have_no_pair():
    found = pairwise_ms_ssim(noise(1), pairs=5, seed=0)
    assert math.isnan(found.estimate(0).value)
    assert math.isnan(found.share_below(0.5))
    two = pairwise_ms_ssim(noise(2), pairs=5, seed=0).estimate(0)
    assert two.n == 1
    assert math.isnan(two.low)


@settings(max_examples=5)
@given(st.integers(0, 99))
def test_the_estimate_holds_the_mean(seed):
    found = pairwise_ms_ssim(noise(6, 32, seed), pairs=15, seed=seed)
    e = found.estimate(seed)
    assert e.low <= e.value <= e.high
    assert e.value == pytest.approx(found.values.mean())
    assert 0 < found.share_below(e.value) < 1
