import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.fidelity.flat_noise import flat_noise


def as_images(values):
    return np.asarray(values).round().clip(0, 255).astype(np.uint8)[..., None]


def noise(spread, count=8, size=64, seed=0):
    return np.random.default_rng(seed).normal(0, spread, (count, size, size))


@pytest.mark.parametrize("spread", [2.0, 5.0, 12.0])
def test_white_noise_has_its_own_standard_deviation(spread):
    assert flat_noise(as_images(120 + noise(spread))).mean() == pytest.approx(spread, rel=0.05)


def test_only_the_flattest_tenth_counts():
    steps = np.zeros((64, 64))
    steps[:, 16:] = 40 * (np.arange(48) // 3 % 2) + np.random.default_rng(1).normal(0, 20, (64, 48))
    assert flat_noise(as_images(120 + noise(3.0) + steps)).mean() == pytest.approx(3, rel=0.15)


def test_black_has_the_noise_of_rounding_and_a_slope_no_more():
    black = np.zeros((2, 40, 50, 3), np.uint8)
    assert flat_noise(black) == pytest.approx([12**-0.5] * 2)
    slope = np.broadcast_to(2.0 * np.arange(64), (1, 64, 64))
    assert flat_noise(as_images(slope)) == pytest.approx([12**-0.5])
    assert flat_noise(black[:0]).shape == (0,)


@settings(max_examples=15)
@given(offset=st.integers(-40, 40), seed=st.integers(0, 9))
def test_brightness_and_mirrors_do_not_matter(offset, seed):
    images = as_images(120 + noise(6.0, 2, 40, seed))
    found = flat_noise(images)
    assert flat_noise((images.astype(int) + offset).astype(np.uint8)) == pytest.approx(found)
    assert flat_noise(images[:, :, ::-1]) == pytest.approx(found)
