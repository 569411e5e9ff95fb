"""What is nearly black in drawn pictures is black, where real ones are."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from factory.models.autoencoders.ends import BEND, FARTHEST, Ends

DISTANCES = st.floats(0, FARTHEST)


def flat(*values):
    """A grey picture of one row of pixels."""
    return torch.tensor(values).view(1, 1, 1, -1).expand(1, 3, 1, -1)


def test_up_to_the_distance_all_is_black_and_from_four_times_it_as_before():
    made = Ends(black=0.04).put(flat(-1.0, -0.97, -0.96, -0.90, -0.84, 0.0, 1.0))
    # Between 0.04 and 0.16 above black: 4/3 of what is beyond 0.04.
    assert made[0, 0, 0].tolist() == pytest.approx([-1, -1, -1, -0.92, -0.84, 0, 1], abs=1e-6)


def test_white_is_black_turned_over():
    ends, pictures = Ends(0.02, 0.05), torch.linspace(-1, 1, 101).view(1, 1, 1, -1)
    turned = -Ends(ends.white, ends.black).put(-pictures)
    assert torch.allclose(ends.put(pictures), turned)


def test_without_distances_nothing_changes():
    pictures = torch.rand(2, 3, 4, 4) * 2 - 1
    assert torch.equal(Ends().put(pictures), pictures)


@given(DISTANCES, DISTANCES, st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_order_and_range_stay_and_nothing_moves_farther_than_the_distance(black, white, values):
    before = torch.tensor(sorted(values), dtype=torch.float64).view(1, 1, 1, -1)
    after = Ends(black, white).put(before)
    assert (after.diff() >= -1e-12).all()
    assert after.abs().max() <= 1
    assert ((after - before).abs() <= max(black, white) + 1e-9).all()
    untouched = (before > -1 + BEND * black) & (before < 1 - BEND * white)
    assert torch.equal(after[untouched], before[untouched])


def test_as_many_drawn_pixels_become_black_as_real_ones_are():
    generator = torch.Generator().manual_seed(0)
    real = torch.where(torch.arange(1000) < 300, -1.0, 0.2).view(1, 1, 10, 100).expand(1, 3, -1, -1)
    drawn = real + 0.02 * torch.rand(real.shape, generator=generator)
    ends = Ends.of(drawn, real)
    assert ends.white == 0
    black = (ends.put(drawn.mean(1, keepdim=True)) == -1).float().mean()
    assert float(black) == pytest.approx(0.3, abs=0.002)


def test_colours_are_compared_one_by_one():
    real = torch.stack([torch.full((8, 8), value) for value in (-1.0, 0.0, 0.5)])[None]
    drawn = real + 0.03
    assert Ends.of(drawn, real).black == pytest.approx(0.03)


@pytest.mark.parametrize("share", [0.0, 0.005])
def test_without_a_black_background_nothing_is_made_black(share):
    real = torch.where(torch.arange(1000) < 1000 * share, -1.0, 0.1).view(1, 1, 10, 100)
    assert Ends.of(real.expand(1, 3, -1, -1) + 0.05, real.expand(1, 3, -1, -1)) == Ends()


def test_what_lies_far_from_black_is_not_taken_for_it():
    real = torch.full((1, 3, 4, 4), -1.0)
    real[..., 0] = 0
    assert Ends.of(torch.zeros_like(real), real).black == FARTHEST
