"""Affinities, their random walk, and the network that learns them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.attention_maps.affinity_net import (
    AffinityNet,
    affinity_loss,
    as_batch,
    on_grid,
    train_affinity,
)
from factory.attention_maps.random_walk import (
    affinity_matrix,
    half_disc,
    neighbours,
    random_walk,
    seeds,
    transition,
)
from factory.attention_maps.settings import AffinitySection
from factory.errors import InputError

SECTION = AffinitySection(stride=2, radius=3, steps=30, batch=4, learning_rate=3e-3)


def features(side=16, seed=0):
    return np.random.default_rng(seed).normal(0, 0.05, (3, side, side)).astype(np.float32)


def test_seeds_are_what_both_masks_name():
    # Strict class, band between the two, certain background, and a quarrel of two classes.
    strict = np.array([[1, 0, 0, 1]], np.uint8)
    generous = np.array([[1, 1, 0, 2]], np.uint8)
    assert seeds(strict, generous).tolist() == [[1, 255, 0, 255]]


@pytest.mark.parametrize(("radius", "count"), [(2, 4), (3, 12), (5, 34)])
def test_neighbours_are_half_a_disc(radius, count):
    # Radius 2: distances 1 and sqrt 2, eight neighbours, half of them.
    offsets = half_disc(radius)
    assert len(offsets) == count
    assert not {(-dy, -dx) for dy, dx in offsets} & set(offsets)


@settings(max_examples=20, deadline=None)
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


@settings(max_examples=15, deadline=None)
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


def test_the_loss_by_hand():
    # Distances: 0.2 within the background, 0.3 within class 1, 0.5 between 0 and 1.
    values = torch.tensor([0.0, 0.2, 0.7, 1.0]).view(1, 1, 1, 4)
    labels = torch.tensor([[[0, 0, 1, 1]]])
    between = -np.log(1 - np.exp(-0.5))
    expected = 0.2 / 4 + 0.3 / 4 + between / 2
    assert float(affinity_loss(values, labels, radius=2)) == pytest.approx(expected, abs=2e-3)
    # An unknown cell takes its pairs out, here all but the background's.
    labels = torch.tensor([[[0, 0, 255, 1]]])
    assert float(affinity_loss(values, labels, radius=2)) == pytest.approx(0.2 / 4)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.permutations([1, 2, 3]))
def test_the_loss_does_not_mind_which_class_is_which(seed, order):
    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(2, 3, 5, 6, generator=draw)
    labels = torch.randint(0, 4, (2, 5, 6), generator=draw)
    renamed = torch.tensor([0, *order])[labels]
    torch.testing.assert_close(affinity_loss(values, renamed, 3), affinity_loss(values, labels, 3))


def test_the_loss_of_equal_features_is_finite():
    labels = torch.tensor([[[0, 1]]])
    values = torch.zeros(1, 1, 1, 2, requires_grad=True)
    loss = affinity_loss(values, labels, 2)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(values.grad).all()


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_constant_image_has_no_borders(stride):
    torch.manual_seed(0)
    net = AffinityNet(AffinitySection(stride=stride, radius=3))
    found = net.features(np.full((18, 13), 77, np.uint8))
    assert found.shape == (33, 18 // stride, 13 // stride)
    assert np.ptp(found.reshape(33, -1), axis=1).max() < 1e-3
    # Then every neighbour is as near as any other: the walk is plain diffusion.
    step = net.transition(np.full((18, 13), 77, np.uint8))
    rows = step.toarray()
    for row in rows:
        np.testing.assert_allclose(row[row > 0], 1 / (row > 0).sum(), rtol=0.02)


def textures(count=6, side=24):
    """Stripes beside a checkerboard of the same mean, the border at a random column."""
    draw = np.random.default_rng(0)
    y, x = np.indices((side, side))
    images, labels = [], []
    for _ in range(count):
        right = x > draw.integers(8, 16)
        image = np.where(right, 255 * ((x + y) % 2), 255 * (y % 2))
        images.append(image.astype(np.uint8))
        labels.append(right.astype(np.uint8))
    return images, labels


def test_the_network_learns_a_border_that_brightness_does_not_show():
    torch.manual_seed(0)
    images, labels = textures()
    net = AffinityNet(SECTION)
    cells = on_grid(np.stack(labels[-1:]), SECTION.stride)

    def held_out():
        with torch.no_grad():
            return float(affinity_loss(net(as_batch(images[-1:])), cells, SECTION.radius))

    before = held_out()
    steps = list(train_affinity(net, images[:-1], labels[:-1], seed=0))
    assert [p.step for p in steps] == list(range(1, 31))
    assert steps[-1].losses["affinity"] < 0.7 * steps[0].losses["affinity"]
    assert held_out() < 0.7 * before


def test_a_cell_is_a_seed_where_its_pixels_agree():
    labels = np.array([[[0, 0, 1, 2, 9], [0, 0, 1, 1, 9], [255, 255, 1, 1, 9]]], np.uint8)
    assert on_grid(labels, 2).tolist() == [[[0, 255]]]
    assert on_grid(labels, 1).shape == (1, 3, 5)


def test_seeds_without_a_border_are_refused():
    blank = [np.zeros((8, 8), np.uint8)]
    with pytest.raises(InputError, match="no border between two labels"):
        next(train_affinity(AffinityNet(SECTION), blank, blank, seed=0))


def test_colour_images_are_read():
    net = AffinityNet(SECTION, channels=3)
    assert net.features(np.zeros((8, 8, 3), np.uint8)).shape == (33, 4, 4)
