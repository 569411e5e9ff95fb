import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from evaluation.features.spectrum import (
    band_power,
    luminance,
    octave_power,
    sharpness,
    upper_power,
)


def noise(count, size=48, seed=0, spread=20.0):
    values = np.random.default_rng(seed).normal(128, spread, (count, size, size, 1))
    return values.round().clip(0, 255).astype(np.uint8)


def by_full_transform(image):
    """Upper power of one image through the whole two-sided transform."""
    window = np.outer(np.hanning(len(image)), np.hanning(image.shape[1]))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2 / (window**2).sum()
    radius = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij"))
    return power[(radius > 0.25) & (radius <= 0.5)].mean()


@pytest.mark.parametrize("shape", [(48, 48), (33, 40)])
def test_half_a_transform_is_enough(shape):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape, 1)).astype(np.uint8)
    expected = [by_full_transform(image[..., 0].astype(float)) for image in images]
    np.testing.assert_allclose(upper_power(images), expected, rtol=1e-4)


def test_white_noise_has_its_variance_as_power_in_every_ring():
    images = np.random.default_rng(0).normal(0, 3, (400, 32, 32))
    power = band_power(images, np.array([0.1, 0.25, 0.5])).mean(0)
    np.testing.assert_allclose(power, 9, rtol=0.05)


def test_a_wave_lands_in_its_ring():
    x = np.arange(64)
    wave = np.broadcast_to(np.sin(2 * np.pi * 0.2 * x), (1, 64, 64))
    low, mid, high = band_power(wave, np.array([0.0, 0.15, 0.25, 0.5]))[0]
    assert mid > 1000 * max(low, high)


@settings(max_examples=20)
@given(offset=st.integers(-50, 50), seed=st.integers(0, 9))
def test_brightness_does_not_matter(offset, seed):
    images = np.random.default_rng(seed).integers(60, 190, (2, 32, 32, 1))
    np.testing.assert_allclose(
        upper_power(images.astype(np.uint8)), upper_power((images + offset).astype(np.uint8)),
        rtol=1e-3,
    )  # fmt: skip


def test_blur_lowers_and_noise_raises_sharpness():
    real = upper_power(noise(20))
    blurred = gaussian_filter(noise(20, seed=1).astype(float), (0, 1, 1, 0)).astype(np.uint8)
    assert sharpness(upper_power(noise(20, seed=2)), real, seed=0).value == pytest.approx(
        1, abs=0.1
    )
    assert sharpness(upper_power(blurred), real, seed=0).high < 0.2
    assert sharpness(upper_power(noise(20, spread=30)), real, seed=0).low > 1.5


@pytest.mark.parametrize(("period", "octave"), [(24, 0), (12, 1), (6, 2)])
def test_details_land_in_the_octave_of_their_size(period, octave):
    wave = 128 + 50 * np.sin(2 * np.pi * np.arange(96) / period)
    images = np.broadcast_to(wave.round().astype(np.uint8), (1, 96, 96))[..., None]
    power = octave_power(images)[0]
    assert power.argmax() == octave
    assert power[octave] > 100 * np.delete(power, octave).max()
    assert octave_power(images[:0]).shape == (0, 3)


def test_degenerate_sets_have_no_sharpness():
    flat = np.full((3, 32, 32, 1), 7, np.uint8)
    assert upper_power(flat).tolist() == [0, 0, 0]
    assert math.isnan(sharpness(upper_power(noise(3)), upper_power(flat), seed=0).value)
    assert math.isnan(sharpness(np.zeros(0), upper_power(noise(3)), seed=0).value)
    one = sharpness(upper_power(noise(1)), upper_power(noise(4)), seed=0)
    assert math.isfinite(one.value)
    assert math.isnan(one.low)
    assert upper_power(flat[:0]).shape == (0,)


def test_a_ring_without_frequencies_is_refused():
    with pytest.raises(ValueError, match="no frequency"):
        band_power(np.zeros((1, 8, 8)), np.array([0.01, 0.02]))


def test_green_is_brighter_than_blue():
    colours = np.zeros((1, 1, 2, 3), np.uint8)
    colours[0, 0, 0, 1] = colours[0, 0, 1, 2] = 100
    np.testing.assert_allclose(luminance(colours)[0, 0], [58.7, 11.4], rtol=1e-6)
