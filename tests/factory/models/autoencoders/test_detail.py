"""The solver, on networks whose answer is known."""

import pytest
import torch
from torch import nn

from factory.models.autoencoders.detail import HIGHEST, LOWEST, draw, noise_levels, without_noise
from factory.models.autoencoders.detail_prior import DetailPrior
from factory.models.autoencoders.local_unet import LocalUNet


class Sure(nn.Module):
    """Predicts the velocity to a detail that it knows."""

    def __init__(self, detail):
        super().__init__()
        self.detail = detail

    def forward(self, noisy, told, angles, disturbance):
        angles = angles.repeat_interleave(3, 1)[:, :, None, None]
        return (angles.cos() * noisy - self.detail) / angles.sin().clamp(min=1e-6)


def noise(count=2, side=16):
    return torch.randn(count, 6, side, side, generator=torch.Generator().manual_seed(0))


def white(count=2, side=16):
    """Of pictures that are nothing but detail."""
    return DetailPrior(torch.zeros(count, 6, side, side), torch.ones(count, 2, side, side))


def small():
    return LocalUNet(2, (8, 8, 8))


def test_noise_falls_as_far_as_one_step_can_take_away():
    for lowest in LOWEST:
        levels = noise_levels(lowest)
        assert levels == sorted(levels, reverse=True)
        assert levels[0] == pytest.approx(HIGHEST)
        assert levels[-1] == pytest.approx(lowest)
        assert len(levels) == 8
    assert noise_levels() == levels


def test_what_a_network_is_sure_of_is_drawn():
    detail = noise(1)
    made = draw(Sure(detail), white(), noise(), [None, None])
    torch.testing.assert_close(made, detail.expand(2, -1, -1, -1), atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_network_that_predicts_nothing_draws_white_noise_of_unit_variance():
    # Of white detail that is all there is to know: noise added to it is as white. Extrapolating from
    # one of eight steps to the next goes a little too far.
    made = draw(small(), white(), noise(), [None, None])
    assert made.std().item() == pytest.approx(1, abs=0.07)


@torch.no_grad()
def test_a_known_stream_stays_and_the_other_is_drawn():
    known = noise(2)[:, 3:]
    made = draw(small(), white(), noise(), [None, known])
    assert torch.equal(made[:, 3:], known)
    assert made[:, :3].std().item() == pytest.approx(1, abs=0.1)


@torch.no_grad()
def test_without_noise_there_is_nothing_to_take_away():
    network = small()
    nn.init.normal_(network.last.weight)
    sigma = torch.tensor([[0.0, 1.0]]).expand(2, -1)
    clean = without_noise(network, noise(), white().told, sigma, torch.zeros(2, 2))
    assert torch.equal(clean[:, :3], noise()[:, :3])
    assert not torch.equal(clean[:, 3:], noise()[:, 3:])
