"""What coarse pictures cannot hold is told before anything is trained."""

import logging

import numpy as np
import pytest

from factory.images import ImageSection
from factory.settings import CoarseTraining
from factory.sources.phantom import PhantomSource
from factory.training.autoencoders.small_structures import kept, tell_small_structures


def squares(side, at=8):
    masks = np.zeros((2, 32, 32), np.uint8)
    masks[0, at : at + side, at : at + side] = 1
    masks[1, 16 : 16 + side, 16 : 16 + side] = 2
    return masks


def test_a_large_square_on_the_grid_is_left_but_for_its_corners():
    # Bilinear drawing rounds each of four corners by a pixel.
    assert kept(squares(8), 4) == pytest.approx(2 * 60 / (64 + 60))


def test_a_pixel_is_lost_and_no_region_is_nothing_to_lose():
    assert kept(squares(1), 4) == 0
    assert np.isnan(kept(np.zeros((3, 16, 16), np.uint8), 4))


def test_a_smaller_factor_leaves_more():
    source = PhantomSource(domains=("phantom-abdomen-ct",), train=8).build()
    masks = source.read("train", ImageSection(size=64)).masks
    assert kept(masks, 8) < kept(masks, 4) < 0.8 < kept(masks, 2)


def test_domains_of_small_structures_are_told_in_a_line(caplog):
    source = PhantomSource(domains=("phantom-abdomen-ct", "phantom-chest-xray"), train=8).build()
    train = source.read("train", ImageSection(size=64))
    with caplog.at_level(logging.WARNING):
        tell_small_structures(train, source.domains, CoarseTraining(factor=4))
    (line,) = caplog.messages
    assert "phantom-abdomen-ct: shrunk by 4" in line
    assert "source.tiles" in line
