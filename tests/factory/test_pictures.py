"""Pairs as pictures."""

import numpy as np

from factory.masks import Lattice
from factory.pictures import image_pictures, mask_pictures


def test_each_mask_is_coded_in_its_own_domain(data):
    pictures = mask_pictures(data.train, data.domains)
    decoded = Lattice(1).decode(pictures.float() / 127.5 - 1)
    np.testing.assert_array_equal(decoded, data.train.masks)
    assert image_pictures(data.train.images).shape == pictures.shape
