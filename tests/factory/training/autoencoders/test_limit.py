import numpy as np
import pytest

from factory.training.autoencoders.limit import class_dice


def test_dice_of_each_class_by_hand():
    ours = np.array([[1, 1, 0], [2, 0, 0]], np.uint8)
    real = np.array([[1, 0, 0], [2, 0, 3]], np.uint8)
    assert class_dice(ours, real) == pytest.approx([2 / 3, 1, 0])


def test_two_empty_masks_say_nothing():
    assert class_dice(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8)) == []
