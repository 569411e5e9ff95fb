"""Starting noise between two seeds: normal, of unit variance, and as alike as the way is short."""

import math

import pytest
import torch

from factory.models.starting_noise import Between, starting_noise

SHAPE = (4, 64, 64)


def drawn(*shares, stream=0):
    return starting_noise([Between(3, 4, share) for share in shares], SHAPE, stream)


def test_the_ends_of_the_way_are_the_noise_of_the_seeds():
    ends = starting_noise([3, 4], SHAPE, 1)
    torch.testing.assert_close(drawn(0.0, 1.0, stream=1), ends, atol=1e-6, rtol=0)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_noise_on_the_way_is_normal_and_turns_by_the_angle(share):
    start, between = drawn(0.0, share)
    assert between.mean() == pytest.approx(0, abs=0.05)
    assert between.std() == pytest.approx(1, abs=0.05)
    alike = torch.corrcoef(torch.stack([start.flatten(), between.flatten()]))[0, 1]
    assert alike == pytest.approx(math.cos(share * math.pi / 2), abs=0.05)


def test_a_row_depends_on_no_other():
    both = starting_noise([7, Between(3, 4, 0.3)], SHAPE, 0)
    torch.testing.assert_close(both[1], drawn(0.3)[0], atol=0, rtol=0)
    torch.testing.assert_close(both[0], starting_noise([7], SHAPE, 0)[0], atol=0, rtol=0)
