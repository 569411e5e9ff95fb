import tracemalloc

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.dice import CHUNK, overlaps, positive_dice

MASKS = arrays(np.uint8, (2, 5, 6), elements=st.integers(0, 3))


def square(rows, columns, label=1):
    mask = np.zeros((1, 4, 4), np.uint8)
    mask[0, rows, columns] = label
    return mask


def test_squares_that_share_one_column():
    prediction = square(slice(1, 3), slice(0, 2))  # 4 pixels
    target = square(slice(1, 3), slice(1, 3))  # 4 pixels, 2 of them shared
    found = overlaps(prediction, target, 1)
    assert found.dice == 2 * 2 / (4 + 4)
    assert found.iou == 2 / 6


def test_empty_masks_follow_the_convention():
    empty, full = square(slice(0), slice(0)), square(slice(2), slice(2))
    predictions = np.concatenate([empty, full, empty, full])
    masks = np.concatenate([empty, empty, full, full])
    found = overlaps(predictions, masks, 1)
    # Nothing to find, false, missed, found.
    assert found.dice[:, 0].tolist() == found.iou[:, 0].tolist() == [1, 0, 0, 1]
    assert found.missed[:, 0].tolist() == [False, False, True, False]
    assert found.false[:, 0].tolist() == [False, True, False, False]


def test_missing_a_structure_never_improves_a_score():
    masks = np.concatenate([square(slice(3), slice(3))] * 2)
    poor = square(slice(0, 1), slice(0, 1))
    missed = np.concatenate([poor, np.zeros_like(poor)])
    some = overlaps(np.concatenate([poor, poor]), masks, 1)
    less = overlaps(missed, masks, 1)
    assert less.dice.mean() < some.dice.mean()
    assert less.iou.mean() < some.iou.mean()


def test_positive_dice_is_the_mean_of_the_classes_that_are_shown():
    target = square(slice(2), slice(2), 1) + square(slice(2, 4), slice(2), 2)
    prediction = square(slice(2), slice(2), 1)
    # Class c is nowhere: it says nothing about finding.
    assert overlaps(prediction, target, 3).dice[0].tolist() == [1, 0, 1]
    assert positive_dice(overlaps(prediction, target, 3)).tolist() == [0.5]


def test_an_empty_mask_has_no_positive_dice():
    empty = np.zeros((1, 4, 4), np.uint8)
    assert np.isnan(positive_dice(overlaps(empty, empty, 2)))


@settings(max_examples=30)
@given(MASKS, MASKS)
def test_it_agrees_with_scikit_learn(prediction, target):
    found = overlaps(prediction, target, 3)
    for case in range(2):
        arguments = (target[case].ravel(), prediction[case].ravel())
        options = {"labels": [1, 2, 3], "average": None, "zero_division": 1.0}
        np.testing.assert_allclose(
            found.dice[case], sklearn.metrics.f1_score(*arguments, **options)
        )
        np.testing.assert_allclose(
            found.iou[case], sklearn.metrics.jaccard_score(*arguments, **options)
        )


@settings(max_examples=30)
@given(MASKS, MASKS)
def test_bounds_symmetry_and_the_way_from_one_to_the_other(prediction, target):
    found, back = overlaps(prediction, target, 3), overlaps(target, prediction, 3)
    np.testing.assert_array_equal(found.dice, back.dice)
    assert ((found.dice >= 0) & (found.dice <= 1)).all()
    np.testing.assert_allclose(found.dice, 2 * found.iou / (1 + found.iou))
    assert (overlaps(target, target, 3).dice == 1).all()


def test_it_agrees_with_monai():
    torch = pytest.importorskip("torch")
    from monai.metrics import DiceMetric
    from monai.networks.utils import one_hot

    rng = np.random.default_rng(0)
    prediction, target = rng.integers(0, 4, (2, 6, 8, 8)).astype(np.uint8)
    target[0] = prediction[0] = 0
    target[1], prediction[2] = 0, 0
    hot = [one_hot(torch.from_numpy(m[:, None].astype(np.int64)), 4) for m in (prediction, target)]
    metric = DiceMetric(include_background=False, reduction="none", ignore_empty=False)
    np.testing.assert_allclose(overlaps(prediction, target, 3).dice, metric(*hot), rtol=1e-6)


def test_what_does_not_fit_is_refused():
    mask = np.zeros((1, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="do not fit"):
        overlaps(mask, mask[:, :2], 1)
    with pytest.raises(ValueError, match="number of classes, 1"):
        overlaps(mask, mask + 2, 1)


def test_many_masks_are_counted_a_chunk_at_a_time():
    rng = np.random.default_rng(0)
    predictions, masks = rng.integers(0, 4, (2, 8 * CHUNK + 3, 32, 32), dtype=np.uint8)
    tracemalloc.start()
    found = overlaps(predictions, masks, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * masks.size / 2  # an index per pixel, as int64, would take twice that
    for index in range(3):
        ours, theirs = predictions == index + 1, masks == index + 1
        for counts, pixels in (
            (found.shared, ours & theirs),
            (found.predicted, ours),
            (found.target, theirs),
        ):
            np.testing.assert_array_equal(counts[:, index], pixels.sum((1, 2)))
