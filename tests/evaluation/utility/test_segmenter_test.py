import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.dice import overlaps, positive_dice
from evaluation.errors import InputError
from evaluation.settings import UtilitySection
from evaluation.utility.arms import Arm
from evaluation.utility.segmentation import SegmentationTask
from evaluation.utility.segmenter_test import MACRO, MEASURES, measure

ARM = Arm("unet", "discs", "real", "2", 2, 0)
SECTION = UtilitySection(tolerance_mm=1.0)
MASKS = arrays(np.uint8, (3, 6, 6), elements=st.integers(0, 2))


class Fixed:
    """A segmenter that always gives these masks."""

    def __init__(self, masks, classes=("disc",)):
        self.masks, self.classes = masks, classes

    def predict(self, images):
        return self.masks[: len(images)]


def a_square(*corners, size=8):
    mask = np.zeros((size, size), np.uint8)
    for row, column in corners:
        mask[row : row + 2, column : column + 2] = 1
    return mask


def measured(predictions, masks, discs, *, spacing=1.0, classes=("disc",), within=None):
    pairs = discs(len(masks), size=masks.shape[1])
    pairs.masks[:], pairs.spacing_mm[:] = masks, spacing
    network = Fixed(predictions, classes)
    return SegmentationTask().test(ARM, network, pairs, classes, SECTION, within)


def test_empty_masks_by_hand(discs):
    none, some, far = a_square(), a_square((1, 1)), a_square((5, 5))
    masks = np.stack([none, none, some, some])
    cases = measured(np.stack([none, some, none, some]), masks, discs)
    found = cases[cases["class"] == "disc"]
    assert found["shown"].tolist() == [False, False, True, True]
    for name in ("dice", "iou", "nsd"):
        assert found[name].tolist() == [1, 0, 0, 1]
    assert found["hd95"].tolist() == pytest.approx([0, 8 * 2**0.5, 8 * 2**0.5, 0])
    assert found["missed"].tolist() == [False, False, True, False]
    assert found["false"].tolist() == [False, True, False, False]
    # A square in the wrong place is no better overlap than none, but nearer than the diagonal.
    wrong = measured(far[None], some[None], discs).iloc[0]
    assert (wrong["dice"], wrong["nsd"], wrong["missed"]) == (0, 0, False)
    assert 0 < wrong["hd95"] < 8 * 2**0.5


def test_macro_is_over_what_the_mask_shows(discs):
    mask = a_square((1, 1))
    prediction = np.where(mask == 0, 2 * a_square((5, 5)), mask).astype(np.uint8)
    cases = measured(prediction[None], mask[None], discs, classes=("a", "b"))
    a, b, macro = cases.to_dict("records")
    assert (a["dice"], b["dice"], macro["dice"]) == (1, 0, 1)
    assert (a["shown"], b["shown"], macro["shown"]) == (True, False, True)
    assert (macro["missed"], macro["false"]) == (0, 1)
    # Where nothing is shown macro is over all classes: a false one costs.
    nothing = measured(prediction[None], a_square()[None], discs, classes=("a", "b"))
    assert nothing["dice"].tolist() == [0, 0, 0]
    assert nothing["shown"].tolist() == [False, False, False]


@given(MASKS, MASKS)
def test_a_missed_structure_never_improves_a_number(predictions, masks):
    poorer = np.where(predictions == 1, 0, predictions).astype(np.uint8)
    one, other = (measure(given, masks, 2, np.ones((3, 2)), 1.0) for given in (predictions, poorer))
    shown = one["shown"][:, 0]
    for name in ("dice", "iou", "nsd"):
        assert (other[name][shown, 0] <= one[name][shown, 0]).all()
    assert (other["hd95"][shown, 0] >= one["hd95"][shown, 0]).all()
    assert (other["missed"][:, 0] >= one["missed"][:, 0]).all()


def test_macro_dice_is_positive_dice_and_cases_are_marked(discs):
    rng = np.random.default_rng(0)
    masks, predictions = rng.integers(0, 3, (2, 4, 8, 8)).astype(np.uint8)
    cases = measured(predictions, masks, discs, classes=("a", "b"))
    macro = cases[cases["class"] == MACRO]
    np.testing.assert_allclose(macro["dice"], positive_dice(overlaps(predictions, masks, 2)))
    assert macro["case"].tolist() == [0, 1, 2, 3]
    assert macro["unit"].nunique() == 4
    assert (cases["segmenter"] == "unet").all()
    assert (cases["images"] == 2).all()


def test_unknown_spacing_leaves_contours_unknown(discs):
    some = a_square((1, 1))[None]
    cases = measured(some, some, discs, spacing=np.nan)
    assert cases[["hd95", "nsd"]].isna().all(axis=None)
    assert cases["dice"].tolist() == [1, 1]
    assert set(MEASURES) <= set(cases)


def test_only_the_pairs_of_a_fold_are_tested_and_keep_their_rows(discs):
    masks = np.stack([a_square((1, 1))] * 4)
    cases = measured(masks, masks, discs, within=np.array([False, True, False, True]))
    assert cases["case"].tolist() == [1, 3, 1, 3]


def test_nothing_to_test_on_is_refused(discs):
    pairs = discs(2, size=8)
    pairs.has_mask[:] = False
    with pytest.raises(InputError, match="'discs' has no pairs with a mask"):
        SegmentationTask().test(ARM, Fixed(pairs.masks), pairs, ("disc",), SECTION)
