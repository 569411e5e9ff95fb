"""Contrasts whose answer is known by hand."""

import pytest
import torch

from factory.attention_maps.contrast import contrasts, said_and_unsaid


def test_captions_differ_in_the_clause_of_one_structure():
    said, unsaid = said_and_unsaid("chest X-ray", ["left lung", "heart"])
    assert said == "chest X-ray, left lung visible, heart visible"
    assert unsaid == [
        "chest X-ray, no left lung, heart visible",
        "chest X-ray, left lung visible, no heart",
    ]


def test_the_change_is_the_root_mean_square_over_levels_and_channels():
    said = [torch.zeros(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)]
    first = [torch.tensor([[[[3.0, 0.0]], [[1.0, 0.0]]]]), torch.tensor([[[[1.0, 2]], [[1.0, 0]]]])]
    found = contrasts(said, [first, said])
    assert found.shape == (1, 2, 1, 2)
    assert found[0, 0].tolist() == [[pytest.approx(3**0.5), 1.0]]
    assert found[0, 1].tolist() == [[0.0, 0.0]]


def test_a_level_at_which_the_word_matters_outweighs_those_at_which_it_does_not():
    said = [torch.zeros(1, 1, 1, 2)] * 2
    much, little = torch.tensor([[[[0.0, 5.0]]]]), torch.tensor([[[[0.5, 0.0]]]])
    ((left, right),) = contrasts(said, [[much, little]])[0, 0]
    assert right > 5 * left
