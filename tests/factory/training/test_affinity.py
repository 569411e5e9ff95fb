"""The affinity network learns where labels part."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.attention_maps.affinity_net import AffinityNet, as_batch
from factory.attention_maps.settings import AffinitySection
from factory.errors import InputError
from factory.training.affinity import affinity_loss, on_grid, train_affinity

SECTION = AffinitySection(stride=2, radius=3, steps=30, batch=4, learning_rate=3e-3)


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


@settings(max_examples=10)
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


def test_a_cell_has_a_label_where_its_pixels_agree():
    labels = np.array([[[0, 0, 1, 2, 9], [0, 0, 1, 1, 9], [255, 255, 1, 1, 9]]], np.uint8)
    assert on_grid(labels, 2).tolist() == [[[0, 255]]]
    assert on_grid(labels, 1).shape == (1, 3, 5)


def test_labels_without_a_border_are_refused():
    blank = [np.zeros((8, 8), np.uint8)]
    with pytest.raises(InputError, match="no border between two labels"):
        next(train_affinity(AffinityNet(SECTION), blank, blank, seed=0))
