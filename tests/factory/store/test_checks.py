"""Reasons against pairs, one planted fault at a time."""

import numpy as np
import pandas as pd
import pytest

from factory.pairs import PairBatch
from factory.store.checks import Reason, check, class_areas, names, whole_volumes

LABEL_MAPS = {"chest": {"background": 0, "lung": 1, "heart": 2}}


def pair(labels="lung;heart", **facets):
    """A good 32x32 pair: lung in the upper half, heart in one row, the image a ramp."""
    image = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))[None, :, :, None]
    mask = np.zeros((1, 32, 32), np.uint8)
    mask[0, :16], mask[0, 20] = 1, 2
    facets = pd.DataFrame([{"domain": "chest", "labels": labels, **facets}])
    return PairBatch.of(image, mask, facets)


def test_a_good_pair_has_no_reason_against_it():
    assert check(pair(), LABEL_MAPS).tolist() == [0]


def constant(pairs):
    pairs.images[:] = 100
    pairs.images[0, 0, :] = 107  # 7 grey levels of decoder noise are still nothing


def unknown_index(pairs):
    pairs.masks[0, 31, 31] = 3


def asked_absent(pairs):
    pairs.masks[pairs.masks == 2] = 0


def missing_mask(pairs):
    pairs.masks[:] = 0
    pairs.has_mask[:] = False


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (constant, Reason.CONSTANT_IMAGE),
        (unknown_index, Reason.UNKNOWN_CLASS_INDEX),
        (asked_absent, Reason.ASKED_CLASS_ABSENT),
        (missing_mask, Reason.MASK_MISSING),
    ],
)
def test_one_fault_gives_one_reason(fault, reason):
    pairs = pair()
    fault(pairs)
    assert check(pairs, LABEL_MAPS).tolist() == [reason]


def test_a_class_nobody_asked_for_counts_above_a_speck():
    # The heart has 32 of 1024 pixels, 3.1 %; one pixel is 0.098 %, just below the 0.1 % of a speck.
    assert check(pair(labels="lung"), LABEL_MAPS).tolist() == [Reason.UNASKED_CLASS_PRESENT]
    speck = pair(labels="lung")
    speck.masks[speck.masks == 2] = 0
    speck.masks[0, 31, 31] = 2
    assert check(speck, LABEL_MAPS).tolist() == [0]


def test_an_empty_mask_is_right_where_no_class_was_asked_for():
    empty = pair(labels="")
    empty.masks[:] = 0
    assert check(empty, LABEL_MAPS).tolist() == [0]


def test_a_generator_that_met_nan_is_believed():
    pairs = PairBatch.concatenate([pair(finite=True), pair(finite=False)])
    assert check(pairs, LABEL_MAPS).tolist() == [0, Reason.NOT_FINITE]


def test_several_reasons_are_kept_together_and_read_as_words():
    pairs = pair()
    constant(pairs)
    asked_absent(pairs)
    (bits,) = check(pairs, LABEL_MAPS)
    assert names(int(bits)) == ["constant image", "asked class absent"]


def test_class_areas_are_shares_of_the_image():
    areas = class_areas(pair().masks)
    assert areas[0, 1] == 0.5
    assert areas[0, 2] == 1 / 32
    assert areas.sum() == 1


def test_a_generator_of_images_alone_lacks_no_mask():
    pairs = pair()
    pairs.masks[:], pairs.has_mask[:] = 0, False
    assert check(pairs, LABEL_MAPS, masked=False).tolist() == [0]
    assert check(pairs, LABEL_MAPS).tolist() == [Reason.MASK_MISSING]
    pairs.images[:] = 100
    assert check(pairs, LABEL_MAPS, masked=False).tolist() == [Reason.CONSTANT_IMAGE]


def test_one_rejected_slice_rejects_its_volume_and_no_other():
    reasons = np.array([0, 8, 0, 0, 1, 0], np.uint32)
    found = whole_volumes(reasons, ["a", "a", "b", "a", "", ""])
    assert found.tolist() == [16384, 8, 0, 16384, 1, 0]
    assert names(16384) == ["volume rejected"]
