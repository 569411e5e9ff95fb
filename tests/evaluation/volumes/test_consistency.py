"""The judge of volumes between its controls, by judges whose answers are known."""

import numpy as np
import pytest

from evaluation.volumes.consistency import of_slices, volume_consistency, volume_dice
from factory.images import ImageSection
from factory.sources.volumes.anatomy import DOMAIN
from factory.sources.volumes.phantom import PhantomVolumeSource


class Knowing:
    """Knows the mask of every volume by its pixels."""

    classes = DOMAIN.classes

    def __init__(self, *sets):
        self.masks = {
            pairs.images[at : at + 6].tobytes(): pairs.masks[at : at + 6]
            for pairs in sets
            for at in range(0, len(pairs), 6)
        }

    def segment(self, stack):
        return self.masks[stack.images.tobytes()]


@pytest.fixture(scope="module")
def sets():
    source = PhantomVolumeSource(train=1, val=4, test=5, slices=6).build()
    return [source.read(split, ImageSection(size=32)) for split in ("test", "val")]


def test_perfect_volumes_close_the_whole_gap(sets):
    found = volume_consistency(*sets, Knowing(*sets), seed=0)
    assert (found.volumes.value, found.real.value, found.closed.value) == (1, 1, 1)
    assert found.shuffled.value < 0.8
    assert found.volumes.n == 5


def test_masks_of_other_volumes_close_nothing(sets):
    made, held_out = sets
    judge = Knowing(made, held_out)
    torn = type(made)(
        made.images,
        np.roll(made.masks, 6, axis=0),
        made.facets,
        made.spacing_mm,
        made.has_mask,
    )
    found = volume_consistency(torn, held_out, judge, seed=0)
    assert found.closed.value < 0.3 + found.shuffled.value  # another permutation, the same chance
    assert found.volumes.value < 0.8


def test_dice_of_volumes_by_hand():
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[0, :2] = 1
    answer = np.zeros_like(masks)
    answer[0, :1] = 1
    found = volume_dice([answer, answer], [masks, 0 * masks], ("one",))
    assert found[0] == pytest.approx(2 / 3)
    assert np.isnan(found[1])


def test_heights_are_relative():
    masks = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    assert of_slices(masks, 2)[:, 0, 0].tolist() == [1, 3]
    assert of_slices(masks, 8)[:, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    np.testing.assert_array_equal(of_slices(masks, 4), masks)
