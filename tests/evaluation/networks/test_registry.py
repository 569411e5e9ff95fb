"""The networks take the sizes that recipes use, and are as large as their descriptions say."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.networks.registry import SEGMENTERS
from evaluation.networks.segmenter import (
    load_segmenter,
    new_segmenter,
    save_segmenter,
    train_segmenter,
    validated,
)
from evaluation.networks.transunet import TransUNet

SCORES = Path(__file__).resolve().parents[3] / "docs" / "scores.md"


def weights_of(kind):
    return sum(weight.numel() for weight in SEGMENTERS[kind](1, 1).parameters())


@pytest.mark.parametrize("kind", SEGMENTERS)
def test_a_segmenter_is_as_large_as_is_said(kind):
    told = re.search(r"([\d.]+) M weights", SEGMENTERS[kind].__doc__)[1]
    assert f"{weights_of(kind) / 1e6:.1f}" == told
    page = SCORES.read_text(encoding="utf-8")
    assert re.search(rf"^\| {kind} \|.*\| {told} M \|$", page, re.MULTILINE)


def test_the_weights_of_transunet_by_hand():
    # A block of width 128: queries, keys, values; output; two layers of 512; two norms.
    block = 3 * 128 * 129 + 128 * 129 + (512 * 129 + 128 * 513) + 2 * 256
    network = TransUNet(1, 2)
    assert sum(weight.numel() for weight in network.blocks.parameters()) == 4 * block
    assert weights_of("transunet") == 1_029_018


@pytest.mark.parametrize("size", [32, 40, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_transunet_takes_every_size_of_recipes(size, channels):
    logits = TransUNet(channels, 5)(torch.zeros(1, channels, size, size))
    assert logits.shape == (1, 5, size, size)


def test_transunet_answers_for_each_image_alone():
    images = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    network = TransUNet(1, 2).eval()
    with torch.inference_mode():
        together, alone = network(images), torch.cat([network(each[None]) for each in images])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_one_corner_of_transunet_knows_of_the_other():
    """Between its convolutions nothing but attention carries from one cell to another."""
    network, cells = TransUNet(1, 2).eval(), torch.rand(1, 64, 16, 16)
    changed = cells.clone()
    changed[..., -1, -1] += 1
    with torch.no_grad():
        gap = (network._attended(changed) - network._attended(cells))[0, :, 0, 0]
    assert gap.abs().max() > 1e-5


@pytest.mark.slow
def test_transunet_learns_discs_and_is_read_back(discs, tmp_path):
    segmenter = new_segmenter("transunet", 1, ("disc",), seed=0)
    steps = list(train_segmenter(segmenter, [discs(40, size=32)], steps=60, seed=0))
    fresh = discs(10, size=32, seed=1)
    assert validated(segmenter, fresh) > 0.75
    assert np.mean([step.loss for step in steps[-5:]]) < steps[0].loss / 2
    save_segmenter(segmenter, tmp_path / "one")
    back = load_segmenter(tmp_path / "one")
    assert back.digest == segmenter.digest
    np.testing.assert_array_equal(back.predict(fresh.images), segmenter.predict(fresh.images))
