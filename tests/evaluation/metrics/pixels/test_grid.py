from dataclasses import replace

import numpy as np
import pytest

from evaluation.metrics.pixels.grid import GRID

DOMAINS = [
    "phantom-chest-xray",
    "phantom-breast-us",
    "phantom-brain-mri",
    "phantom-histology",
    "phantom-fundus",
    "phantom-periapical-xray",
]


def with_pattern(pairs, pattern):
    """The pairs with a pattern of grey levels on every image, rounded as images are."""
    values = pairs.images + pattern[None, :, :, None]
    return replace(pairs, images=values.round().clip(0, 255).astype(np.uint8))


def checks(size, amplitude):
    y, x = np.mgrid[:size, :size]
    return amplitude * ((y + x) % 2 * 2 - 1.0)


def lines(size, depth, cell=8):
    y, x = np.mgrid[:size, :size]
    return -depth * ((y % cell == 0) | (x % cell == 0)).astype(float)


@pytest.mark.parametrize("domain", DOMAINS)
def test_real_phantoms_have_no_grid_and_a_faint_one_is_seen(domain, phantoms, measured):
    made, train, held_out = phantoms(domain)
    clean = measured(GRID, made, train, held_out)
    highest = clean["grid_excess_real_p95"].value
    assert clean["grid_excess"].value < 0.15
    assert clean["grid_excess_real"].value < 0.15
    assert clean["grid_excess"].low < highest < 0.2
    size = made.images.shape[1]
    # Of 256 grey levels one up and one down, and every eighth line five darker.
    for pattern, least in ((checks(size, 1.0), 0.8), (lines(size, 5.0), 0.15)):
        found = measured(GRID, with_pattern(made, pattern), train, held_out)["grid_excess"]
        assert found.low > max(least, highest)
        assert found.n == len(made)


def test_twice_the_amplitude_is_four_times_the_power(phantoms, measured):
    made, train, held_out = phantoms("phantom-chest-xray")
    size = made.images.shape[1]
    once, twice = (
        measured(GRID, with_pattern(made, checks(size, amplitude)), train, held_out)["grid_excess"]
        for amplitude in (2.0, 4.0)
    )
    assert twice.value - once.value == pytest.approx(np.log10(4), abs=0.05)


def test_real_films_have_no_grid_and_a_faint_one_is_seen(films, measured):
    made, train, held_out = films
    clean = measured(GRID, made, train, held_out)
    assert clean["grid_excess"].value < clean["grid_excess_real_p95"].value < 0.12
    assert clean["grid_excess_real"].value < 0.08
    for pattern in (checks(128, 1.0), lines(128, 2.0)):
        found = measured(GRID, with_pattern(made, pattern), train, held_out)
        assert found["grid_excess"].low > 3 * found["grid_excess_real_p95"].value
