import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import InputError
from evaluation.fold_agreement import fold_agreement, fold_models, fold_of
from evaluation.pairs import take


@given(st.integers(3, 40), st.integers(2, 3), st.integers(0, 99))
def test_folds_are_of_equal_size(count, folds, seed):
    class Alone:
        facets = pd.DataFrame({"name": range(count)})

        def __len__(self):
            return count

    sizes = np.bincount(fold_of(Alone(), folds, seed=seed), minlength=folds)
    assert sizes.max() - sizes.min() <= 1


def test_a_patient_lies_in_one_fold_and_too_few_are_refused(discs):
    pairs = discs(12)
    facets = pairs.facets.assign(patient=[f"p{row // 3}" for row in range(12)])
    object.__setattr__(pairs, "facets", facets)
    fold = fold_of(pairs)
    assert (fold.reshape(4, 3) == fold.reshape(4, 3)[:, :1]).all()
    with pytest.raises(InputError, match="1 independent pairs"):
        fold_of(take(pairs, np.arange(3)))


@pytest.mark.slow
def test_a_mask_of_another_image_is_the_one_that_disagrees(discs):
    pairs = discs(30, seed=3)
    pairs.masks[4] = np.roll(pairs.masks[4], 16, axis=1)
    fold = fold_of(pairs)
    segmenters = []
    for segmenter, loop in fold_models(pairs, fold, ("disc",), "unet", 60, 0):
        list(loop)
        segmenters.append(segmenter)
    dice = fold_agreement(pairs, fold, segmenters)
    assert dice.argmin() == 4
    assert np.median(dice) > 0.8


def test_empty_and_absent_masks_have_no_agreement(discs):
    pairs = discs(6)
    pairs.masks[0] = 0
    pairs.has_mask[1] = False

    class Never:
        classes = ("disc",)

        def predict(self, images):
            return np.ones(images.shape[:3], np.uint8)

    dice = fold_agreement(pairs, fold_of(pairs), [Never()] * 3)
    assert np.isnan(dice[:2]).all()
    assert np.isfinite(dice[2:]).all()
