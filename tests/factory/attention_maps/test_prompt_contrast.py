"""Contrasts whose answer is known by hand."""

import pytest
import torch

from factory.attention_maps.prompt_contrast import contrasts, named_and_denied


def test_captions_differ_in_the_clauses_of_one_structure():
    named, denied = named_and_denied("chest X-ray", [["left lung", "right lung"], ["heart"]])
    assert named == "chest X-ray, left lung visible, right lung visible, heart visible"
    assert denied == [
        "chest X-ray, no left lung, no right lung, heart visible",
        "chest X-ray, left lung visible, right lung visible, no heart",
    ]


def test_the_change_is_the_root_mean_square_over_levels_and_channels():
    """Beside predictions of size 2 everywhere."""
    named = [torch.full((1, 2, 1, 2), 2.0)] * 2
    first = [
        torch.tensor([[[[5.0, 2.0]], [[3.0, 2.0]]]]),
        torch.tensor([[[[3.0, 4.0]], [[3.0, 2.0]]]]),
    ]
    found = contrasts(named, [first, named])
    assert found.shape == (1, 2, 1, 2)
    assert found[0, 0].tolist() == [[pytest.approx(3**0.5 / 2), 0.5]]
    assert found[0, 1].tolist() == [[0.0, 0.0]]


def test_an_image_does_not_change_what_another_one_shows():
    draw = torch.Generator().manual_seed(0)
    named = torch.randn(2, 3, 4, 4, generator=draw) * torch.tensor([1.0, 9.0]).view(2, 1, 1, 1)
    other = named + torch.randn(2, 3, 4, 4, generator=draw)
    both = contrasts([named], [[other]])
    torch.testing.assert_close(both[:1], contrasts([named[:1]], [[other[:1]]]))
