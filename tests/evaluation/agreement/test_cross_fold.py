import numpy as np
import pytest

from evaluation.agreement.cross_fold import FOLDS, fold_agreement, fold_models
from evaluation.folds import folds_of


@pytest.mark.slow
def test_a_mask_of_another_image_is_the_one_that_disagrees(discs):
    pairs = discs(30, seed=3)
    pairs.masks[4] = np.roll(pairs.masks[4], 16, axis=1)
    fold = folds_of(pairs, FOLDS)
    segmenters = []
    for segmenter, loop in fold_models(pairs, fold, ("disc",), "unet", 60, 0):
        list(loop)
        segmenters.append(segmenter)
    dice = fold_agreement(pairs, fold, segmenters)
    assert dice.argmin() == 4
    assert np.median(dice) > 0.8


def test_empty_and_absent_masks(discs):
    pairs = discs(6)
    pairs.masks[:2] = 0
    pairs.has_mask[2] = False

    class Sees:
        classes = ("disc",)

        def predict(self, images):
            answers = np.zeros(images.shape[:3], np.uint8)
            answers[1:] = 1
            return answers

    # The first image of each fold is answered with nothing.
    dice = fold_agreement(pairs, np.array([0, 0, 1, 1, 2, 2]), [Sees()] * 3)
    assert dice[0] == 1
    assert dice[1] == 0
    assert np.isnan(dice[2])
    assert np.isfinite(dice[3:]).all()
