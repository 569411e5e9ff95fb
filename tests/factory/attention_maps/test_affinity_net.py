"""The affinity network before it has learnt anything."""

import numpy as np
import pytest
import torch

from factory.attention_maps.affinity_net import AffinityNet
from factory.attention_maps.settings import AffinitySection


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


def test_colour_images_are_read():
    net = AffinityNet(AffinitySection(stride=2), channels=3)
    assert net.features(np.zeros((8, 8, 3), np.uint8)).shape == (33, 4, 4)
