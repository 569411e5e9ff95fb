"""Simulated readers are what they say, and readings of them recover it."""

import math

import numpy as np
import pytest

from benchmarks.readers import estimated, recovered
from benchmarks.readers.simulated import GRIDDED, LAPSES, SIMPLE, Population, populations


@pytest.fixture(scope="module")
def kinds():
    return populations()


def test_what_simulated_readers_are_worth_is_known():
    assert SIMPLE["right"].truth()["accuracy"] == 1
    assert SIMPLE["wrong"].truth()["d_prime"] == -math.inf
    chance = SIMPLE["chance"].truth()
    assert (chance["accuracy"], chance["d_prime"], chance["kappa"]) == (0.5, 0, 0)
    assert SIMPLE["right"].truth()["kappa"] == 1


@pytest.mark.slow
def test_the_grid_is_seen_where_it_is_and_hardly_elsewhere(kinds):
    grid = kinds["grid"]
    assert set(np.concatenate([grid.synthetic, grid.real]).round(3)) == {LAPSES, 1 - LAPSES}
    assert 0.8 * GRIDDED < (grid.synthetic > 0.5).mean() < GRIDDED
    assert (grid.real > 0.5).mean() == pytest.approx(0.05, abs=0.01)


def test_kappa_by_hand():
    """Half of the images are called synthetic by 9 of 10 readers, half by 1: 0.82 alike, 0.5 by chance."""
    found = Population(np.full(1, 0.9), np.full(1, 0.1)).truth()
    assert found["kappa"] == pytest.approx(0.64)


def test_a_reading_is_of_three_readers_who_see_half_real_images():
    answers = SIMPLE["right"].reading(np.random.default_rng(0))
    assert (len(answers), len(answers.readers), answers.synthetic.mean()) == (180, 3, 0.5)
    assert (answers.synthetic == answers.called_synthetic).all()
    found = estimated(SIMPLE["right"], np.random.default_rng(0))
    assert found["d_prime"].high == math.inf


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["right", "wrong", "chance", "grid"])
def test_intervals_hold_the_truth(kinds, kind):
    found = recovered(kinds[kind], 20, seed=5)
    assert all(found[name].value >= 0.85 for name in ("accuracy", "d_prime", "kappa", "alpha"))
