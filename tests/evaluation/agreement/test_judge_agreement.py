import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.agreement.judge_agreement import consistency, derangement, judged, mean_mask
from evaluation.dice import overlaps, positive_dice


class BrightnessJudge:
    """Sees a disc wherever the image is brighter than the noise ever is."""

    classes = ("disc",)
    digest = "brightness"

    def predict(self, images):
        return (images[..., 0] > 125).astype(np.uint8)


JUDGE = BrightnessJudge()


def asked(synthetic, held_out, train, seed=0):
    return consistency(synthetic, held_out, mean_mask(train.masks, 1), JUDGE, seed=seed)


def test_good_pairs_go_all_the_way_and_shuffled_ones_none(discs):
    found = asked(discs(40, seed=1), discs(30, seed=2), discs(30))
    assert found.pairs.value > 0.97
    assert found.closed.value == pytest.approx(1, abs=0.02)
    assert found.closed.low < found.closed.value < found.closed.high
    assert found.shuffled.value < found.constant.value < found.pairs.value
    assert found.over_constant.value == pytest.approx(found.pairs.value - found.constant.value)
    pairs = discs(40, seed=1)
    broken = replace(pairs, masks=np.roll(pairs.masks, 1, axis=0))
    assert abs(asked(broken, discs(30, seed=2), discs(30)).closed.value) < 0.25


def test_the_controls_by_hand(discs):
    pairs, held_out, train = discs(5, seed=1), discs(4, seed=2), discs(6)
    found = asked(pairs, held_out, train, seed=3)
    answers = JUDGE.predict(pairs.images)
    partner = derangement(np.arange(5), 3)
    shuffled = positive_dice(overlaps(answers, pairs.masks[partner], 1)).mean()
    same = np.repeat(mean_mask(train.masks, 1)[None], 5, axis=0)
    assert found.shuffled.value == pytest.approx(shuffled)
    assert found.constant.value == pytest.approx(positive_dice(overlaps(answers, same, 1)).mean())
    real, _ = judged(held_out, JUDGE)
    closed = (found.pairs.value - shuffled) / (real.mean() - shuffled)
    assert found.closed.value == pytest.approx(closed)
    assert found.real.n == 4


def test_empty_and_absent_masks_are_left_out(discs):
    pairs = discs(10, seed=1)
    pairs.masks[0] = 0
    pairs.has_mask[1] = False
    found = asked(pairs, discs(5, seed=2), discs(5))
    assert found.pairs.n == found.shuffled.n == found.constant.n == 8
    assert np.isnan(found.dice[:2]).all()
    assert np.isfinite(found.dice[2:]).all()


def test_too_few_pairs_have_no_score(discs):
    empty = discs(3)
    empty.masks[:] = 0
    none = asked(empty, discs(5), discs(5))
    assert none.pairs.n == 0
    assert math.isnan(none.pairs.value)
    assert math.isnan(none.closed.value)
    one = asked(discs(1), discs(5), discs(5))
    assert one.pairs.value > 0.9
    assert math.isnan(one.shuffled.value)
    assert math.isnan(one.closed.value)


def test_a_judge_that_fails_on_real_pairs_closes_nothing(discs):
    dark = discs(6, seed=2)
    dark = replace(dark, images=dark.images // 4)
    assert math.isnan(asked(discs(6, seed=1), dark, discs(5)).closed.value)


@given(count=st.integers(2, 50), seed=st.integers(0, 99))
def test_a_derangement_moves_everything_once(count, seed):
    partner = derangement(np.arange(count), seed)
    assert sorted(partner) == list(range(count))
    assert (partner != np.arange(count)).all()


def test_nothing_and_one_thing_cannot_be_deranged():
    assert derangement(np.arange(0), 0).tolist() == []
    assert derangement(np.arange(1), 0).tolist() == [0]


@given(units=st.lists(st.integers(0, 5), min_size=2, max_size=40), seed=st.integers(0, 99))
def test_slices_change_with_those_of_other_volumes_as_far_as_there_are_any(units, seed):
    units = np.array(units)
    partner = derangement(units, seed)
    assert sorted(partner) == list(range(len(units)))
    assert (partner != np.arange(len(units))).all()
    # A volume that has more than half of them cannot change all with others.
    largest = np.bincount(units).max()
    left = max(0, 2 * largest - len(units))
    assert (units[partner] == units).sum() == left


def test_the_mean_mask_is_as_large_as_masks_are_on_average():
    masks = np.zeros((4, 4, 4), np.uint8)
    masks[:, 0, 0] = 1  # in all four
    masks[:2, 0, 1] = 1
    masks[2:, 0, 1] = 2
    masks[2, 0, 1] = 1  # in all four, mostly class 1
    masks[0, 3, 3] = 2
    masks[1, 3, 2] = 2
    # Area 4 + 4 + 1 + 1 = 10 pixels over 4 masks: 2.5, rounded to 2.
    found = mean_mask(masks, 2)
    assert found[0, :2].tolist() == [1, 1]
    assert np.count_nonzero(found) == 2


def test_the_mean_of_small_wandering_structures_is_not_empty():
    masks = np.zeros((9, 3, 3), np.uint8)
    masks[np.arange(9), np.arange(9) // 3, np.arange(9) % 3] = 1
    assert np.count_nonzero(mean_mask(masks, 1)) == 1


@pytest.mark.slow
def test_real_chest_x_rays_against_themselves(shared_data):
    pytest.importorskip("PIL")
    # The constant lung mask alone reaches 0.8: what consistency_closed is for.
    import pandas as pd
    from PIL import Image

    table = pd.read_csv(shared_data / "cxr_montgomery" / "metadata.csv")
    masks = np.stack(
        [
            np.asarray(Image.open(shared_data / "cxr_montgomery" / name).resize((64, 64), 0))
            for name in table["mask"]
        ]
    )
    train, rest = masks[table["split"] == "train"], masks[table["split"] != "train"]
    same = np.broadcast_to(mean_mask(train, 1), rest.shape)
    assert 0.77 < positive_dice(overlaps(rest, same, 1)).mean() < 0.85


def test_contours_are_compared_where_the_spacing_is_known(discs):
    half = np.full((6, 2), 0.5, np.float32)
    pairs = replace(discs(6, seed=1), spacing_mm=half)
    found = asked(pairs, discs(4, seed=2), discs(5)).surface
    assert found.nsd.value > 0.95
    assert 0 <= found.hd95.value < 2
    shifted = replace(pairs, masks=np.roll(pairs.masks, 8, axis=1))
    apart = asked(shifted, discs(4, seed=2), discs(5)).surface
    assert apart.nsd.value < found.nsd.value
    assert apart.hd95.value == pytest.approx(4, abs=1)  # 8 pixels of half a millimetre
    unknown = replace(pairs, spacing_mm=np.full((6, 2), np.nan, np.float32))
    nothing = asked(unknown, discs(4, seed=2), discs(5)).surface.nsd
    assert np.isnan(nothing.value)
    assert nothing.n == 0
