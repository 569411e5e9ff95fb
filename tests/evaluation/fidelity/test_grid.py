import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from evaluation.fidelity.grid import grid_excess, grid_excess_p95, grid_excesses

SIZE = 128
Y, X = np.mgrid[:SIZE, :SIZE]
CHECKS = (Y + X) % 2 * 2 - 1.0


def as_images(values):
    return np.asarray(values).round().clip(0, 255).astype(np.uint8)[..., None]


def noise(count, size=SIZE, seed=0, spread=10.0):
    return np.random.default_rng(seed).normal(128, spread, (count, size, size))


def lines(cell, depth):
    return -depth * ((Y % cell == 0) | (X % cell == 0)).astype(float)


def excess(values, seed=0):
    return grid_excess(grid_excesses(as_images(values)), seed=seed)


def column(cell, *, lines):
    return 2 * (cell - 2) + (not lines)


@pytest.mark.parametrize("amplitude", [1.0, 2.0, 4.0])
def test_the_excess_of_a_chequered_pattern_follows_from_its_amplitude(amplitude):
    """A wave of amplitude A in white noise of variance v, windowed by w, has at its peak the power
    A² (Σw)² / Σw² = A² N² / 1.5² beside v; a Hann window leaves half of the amplitude at each
    neighbouring frequency, so 3 x 3 of them hold (1 + 2/4)² / 9 = 1/4 of that in the mean."""
    found = grid_excesses(as_images(noise(40) + amplitude * CHECKS))[:, column(2, lines=False)]
    ratio = 1 + amplitude**2 * SIZE**2 / 1.5**2 / 4 / (100 + 1 / 12)
    # The logarithm of a mean of some five independent powers of noise lies 0.04 below that of
    # their expectation (ψ(5) - ln 5); the peak's does not.
    assert found.mean() == pytest.approx(math.log10(ratio) + 0.04, abs=0.05)


@pytest.mark.parametrize("cell", [3, 4, 5, 7, 8, 12, 16])
def test_lines_every_few_pixels_stand_out_at_their_own_cell_size(cell):
    means = grid_excesses(as_images(noise(30) + lines(cell, 6.0))).mean(0)
    assert means[column(cell, lines=True)] > 0.3
    highest = 2 + means.argmax() // 2
    assert math.gcd(int(highest), cell) > 1  # itself, a multiple, or a harmonic's own cell size


def test_white_noise_has_none():
    found = excess(noise(60))
    assert found.value == pytest.approx(0, abs=0.08)
    assert found.low <= found.value <= found.high
    assert found.n == 60


def test_ribs_whose_distance_varies_are_no_grid():
    rng = np.random.default_rng(1)
    periods, phases = rng.uniform(8, 14, 30)[:, None, None], rng.uniform(0, 7, 30)[:, None, None]
    ribs = 30 * np.sin(2 * np.pi * Y / periods * (1 + Y / 600) + phases)
    assert excess(noise(30) + ribs).value < 0.2  # as bare waves; among real anatomy far less


def test_borders_letters_and_edges_are_no_grid():
    pictures = []
    for at, values in enumerate(noise(30, spread=4.0)):
        picture = Image.fromarray(as_images(values)[..., 0])
        draw = ImageDraw.Draw(picture)
        draw.rectangle([0, 0, SIZE, 12], fill=0)
        draw.rectangle([0, 0, 9, SIZE], fill=0)
        draw.text((20 + at % 7, 20 + at % 5), "R 14:03 PORTABLE", fill=250)
        draw.ellipse([40 + at % 9, 50, 100, 110 - at % 11], outline=220, fill=60)
        pictures.append(np.asarray(picture))
    assert excess(np.stack(pictures)).value < 0.12


def test_a_grid_that_follows_the_image_is_found():
    """As decoders leave it: stronger where the image is bright, of either sign."""
    bright = np.exp(-((Y - 64) ** 2 + (X - 50) ** 2) / 900)
    signs = np.random.default_rng(1).choice([-1, 1], 30)[:, None, None]
    assert excess(noise(30) + signs * bright * lines(8, 10.0)).low > 0.2


@settings(max_examples=10)
@given(offset=st.integers(-40, 40), seed=st.integers(0, 5))
def test_brightness_mirrors_and_turns_do_not_matter(offset, seed):
    images = as_images(noise(3, 48, seed, 8.0))
    found = grid_excesses(images)
    brighter = (images.astype(int) + offset).clip(0, 255).astype(np.uint8)
    np.testing.assert_allclose(grid_excesses(brighter), found, atol=2e-3)
    np.testing.assert_allclose(grid_excesses(images[:, :, ::-1]), found, atol=2e-3)
    np.testing.assert_allclose(grid_excesses(images.transpose(0, 2, 1, 3)), found, atol=2e-3)


def test_images_of_any_shape_are_measured_as_far_as_they_are_wide():
    assert grid_excesses(as_images(noise(2, 33))).shape == (2, 8)  # cells of 2 to 5 px
    assert grid_excesses(np.full((2, 64, 40, 3), 9, np.uint8)).tolist() == [[0.0] * 10] * 2
    assert not excess(noise(4, 11)).known
    assert not grid_excess(grid_excesses(as_images(noise(0))), seed=0).known
    one = excess(noise(1))
    assert one.known
    assert math.isnan(one.low)


def test_real_images_exceed_their_own_95th_percentile_once_in_twenty_times():
    table = np.random.default_rng(0).normal(size=(60, 200, 30))
    above = [
        grid_excess(part[60:], seed=0).value
        > grid_excess_p95(part[:60], np.arange(60), 140, seed=at).value
        for at, part in enumerate(table)
    ]
    assert np.mean(above) < 0.12
    assert not grid_excess_p95(np.zeros((3, 0)), np.arange(3), 5, seed=0).known


def test_images_of_one_patient_are_drawn_together():
    table = np.repeat(np.random.default_rng(0).normal(size=(10, 30)), 10, axis=0)
    patients = np.repeat(np.arange(10), 10)
    together = grid_excess_p95(table, patients, 100, seed=0).value
    assert together > 1.3 * grid_excess_p95(table, np.arange(100), 100, seed=0).value
    apart = grid_excess(table, seed=0)
    bound = grid_excess(table, patients, seed=0)
    assert bound.high - bound.low > 2 * (apart.high - apart.low)
