"""What is known of a picture from one half as large."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from factory.models.autoencoders.detail_prior import (
    QUIETEST,
    DetailPrior,
    detail_ratios,
    doubled,
    halved,
    local_variance,
)


def pictures(seed=0, streams=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3 * streams, 16, 16, generator=generator) * 2 - 1


def test_variance_is_that_of_the_nine_cells_around():
    coarse = torch.zeros(1, 3, 5, 5)
    coarse[0, :, 2, 2] = 3.0
    made = local_variance(coarse)[0, 0]
    # One of nine is 3: mean 1/3, mean square 1, variance 8/9; the corners see zeros alone.
    assert made[1, 1].item() == pytest.approx(8 / 9)
    assert made[0, 0].item() == 0
    coarse[0, 1:] = 0  # two colours of three are flat
    assert local_variance(coarse)[0, 0, 2, 2].item() == pytest.approx(8 / 27)


def test_flat_places_have_hardly_any_detail_and_edges_much():
    coarse = torch.full((1, 3, 8, 8), -1.0)
    coarse[..., 4:] = 1.0
    deviation = DetailPrior.of(coarse, [0.5]).deviation[0, 0]
    assert deviation[8, 0].item() == pytest.approx(QUIETEST)
    # At the edge a third or two thirds of the cells are bright: the deviation is sqrt(8) / 3.
    assert deviation[8, 8].item() == pytest.approx(0.5 * 8**0.5 / 3, rel=0.01)


def test_ratios_are_those_of_detail_and_unevenness():
    whole = pictures()
    whole[:, 3:] = doubled(halved(whole[:, 3:]))  # what halving does not take away
    ratios = detail_ratios(whole)
    lost = (whole - doubled(halved(whole)))[:, :3].square().mean()
    uneven = local_variance(halved(whole))[:, 0].mean()
    assert ratios[0] == pytest.approx((lost / uneven).sqrt().item(), rel=1e-5)
    assert ratios[1] < 0.7 * ratios[0]


@given(seed=st.integers(0, 50), ratio=st.floats(0.1, 2))
def test_pictures_are_detail_and_back(seed, ratio):
    whole = pictures(seed)
    prior = DetailPrior.of(halved(whole), [ratio, 2 * ratio])
    torch.testing.assert_close(prior.pictures(prior.detail(whole)), whole, atol=1e-5, rtol=0)
    assert prior.told.shape == (2, 8, 16, 16)
