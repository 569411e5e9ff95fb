"""Affinities, and random walks along them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.attention_maps.random_walk import (
    affinity_matrix,
    confident_labels,
    half_disc,
    neighbours,
    random_walk,
    transition,
)


def features(side=16, seed=0):
    return np.random.default_rng(seed).normal(0, 0.05, (3, side, side)).astype(np.float32)


def test_confident_labels_are_what_both_masks_name():
    # Strict class, band between the two, certain background, and a quarrel of two classes.
    strict = np.array([[1, 0, 0, 1]], np.uint8)
    generous = np.array([[1, 1, 0, 2]], np.uint8)
    assert confident_labels(strict, generous).tolist() == [[1, 255, 0, 255]]


@pytest.mark.parametrize(("radius", "count"), [(2, 4), (3, 12), (5, 34)])
def test_neighbours_are_half_a_disc(radius, count):
    # Radius 2: distances 1 and sqrt 2, eight neighbours, half of them.
    offsets = half_disc(radius)
    assert len(offsets) == count
    assert not {(-dy, -dx) for dy, dx in offsets} & set(offsets)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(2, 5))
def test_every_pair_of_near_cells_meets_once(height, width, radius):
    number = np.arange(height * width).reshape(height, width)
    met = [
        tuple(pair)
        for a, b in neighbours(height, width, radius)
        for pair in zip(number[a].ravel(), number[b].ravel(), strict=True)
    ]
    places = np.indices((height, width)).reshape(2, -1).T
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    expected = {(i, j) for i, j in np.argwhere(distance < radius) if i < j}
    assert {tuple(sorted(pair)) for pair in met} == expected
    assert len(met) == len(expected)


def test_affinities_by_hand():
    # Two cells a feature distance of 0.5 apart: exp(-0.5)^2 = exp(-1).
    matrix = affinity_matrix(np.array([[[0.0, 0.5]]], np.float32), radius=2, beta=2)
    np.testing.assert_allclose(matrix.toarray(), [[1, np.exp(-1)], [np.exp(-1), 1]], rtol=1e-6)


def test_one_cell_has_itself_only():
    assert affinity_matrix(np.zeros((1, 1, 1), np.float32), 5, 8).toarray().tolist() == [[1.0]]


@pytest.mark.parametrize("steps", [0, 1, 5, 64])
def test_the_walk_equals_dense_powers(steps):
    step = transition(affinity_matrix(features(), 5, 8))
    scores = np.random.default_rng(1).random((2, 16, 16)).astype(np.float32)
    power = np.linalg.matrix_power(step.toarray().astype(np.float64), steps)
    expected = (power @ scores.reshape(2, -1).T).T.reshape(scores.shape)
    np.testing.assert_allclose(random_walk(scores, step, steps), expected, atol=1e-5)


@settings(max_examples=15)
@given(st.integers(0, 999), st.integers(0, 20), st.permutations(range(3)))
def test_a_walk_keeps_range_constants_and_the_order_of_classes(seed, steps, order):
    step = transition(affinity_matrix(features(9, seed), 4, 8))
    np.testing.assert_allclose(np.asarray(step.sum(axis=1)), 1, rtol=1e-5)
    scores = np.random.default_rng(seed).random((3, 9, 9)).astype(np.float32)
    scores[2] = 0.3
    walked = random_walk(scores, step, steps)
    np.testing.assert_allclose(walked[2], 0.3, rtol=1e-5)
    assert walked.min() >= scores.min() - 1e-6
    assert walked.max() <= scores.max() + 1e-6
    np.testing.assert_array_equal(random_walk(scores[order], step, steps), walked[order])


def test_scores_stop_at_a_wall():
    # Brightness 0 left, 1 right; one bright score in the left half fills it and no more.
    wall = np.zeros((1, 8, 8), np.float32)
    wall[:, :, 4:] = 2
    scores = np.zeros((1, 8, 8), np.float32)
    scores[0, 4, 1] = 1
    walked = random_walk(scores, transition(affinity_matrix(wall, 5, 8)), 64)[0]
    assert walked[:, :4].min() > 0.02
    assert walked[:, 4:].max() < 1e-4


def test_self_attention_walks_as_it_is():
    # Two places that attend to each other, and one to itself.
    attention = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    scores = np.array([[[0.9, 0.1, 0.5]]], np.float32)
    walked = random_walk(scores, attention, 3)
    np.testing.assert_allclose(walked, [[[0.1, 0.9, 0.5]]], rtol=1e-6)


def test_a_matrix_of_other_places_is_refused():
    with pytest.raises(ValueError, match="walk by a matrix"):
        random_walk(np.zeros((1, 2, 2), np.float32), np.eye(5), 1)
