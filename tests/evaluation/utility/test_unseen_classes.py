import math

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import InputError
from evaluation.settings import UtilitySection
from evaluation.statistics.two_way_bootstrap import crossed_mean
from evaluation.utility.segmentation import SegmentationTask
from evaluation.utility.unseen_classes import (
    check_unseen,
    harmonic,
    unseen_levels,
    unseen_scores,
    without,
)

CLASSES = {"discs": ("left", "right")}


def cases_of(seen, unseen, *, kind="both", seed=0, domain="discs", real="2", images=2, **more):
    """Cases of a seen class and of an unseen one; None where the mask does not show it."""
    parts = []
    for name, dice in (("left", seen), ("right", unseen)):
        shown = [value is not None for value in dice]
        values = np.array([1.0 if value is None else value for value in dice])
        overlaps = {"dice": values, "iou": values / (2 - values)}
        place = {"case": range(len(dice)), "unit": range(len(dice))}
        parts.append(
            pd.DataFrame(
                place | overlaps | {"class": name, "unseen": name == "right", "shown": shown}
            )
        )
    macro = pd.DataFrame({"case": [0], "unit": [0], "class": "macro", "unseen": False} | {
        "shown": True, "dice": 0.5, "iou": 0.5})  # fmt: skip
    table = pd.concat([*parts, macro], ignore_index=True)
    fields = {"segmenter": "unet", "domain": domain, "kind": kind, "ratio": 1.0, "real": real}
    fields |= {"images": images, "seed": seed, "provenance": "full", "weights": "last"}
    return table.assign(hd95=3.0, nsd=math.nan, missed=0, false=0, **fields).assign(**more)


def test_seen_unseen_and_harmonic_by_hand():
    # Seeds agree on seen classes, mean (0.8 + 0.6) / 2 = 0.7; of the unseen one they give 0.2, 0.4.
    cases = pd.concat(
        [
            cases_of([0.8, 0.6, None], [None, 0.2, 0.2], seed=0),
            cases_of([0.8, 0.6, None], [None, 0.4, 0.4], seed=1),
        ]
    )
    (row,) = unseen_levels(cases).to_dict("records")
    assert row["seen_dice"] == pytest.approx(0.7)
    assert row["unseen_dice"] == pytest.approx(0.3)
    assert row["harmonic_dice"] == pytest.approx(2 * 0.7 * 0.3 / 1.0)
    # IoU = Dice / (2 - Dice): 2/3 and 3/7; 1/9 and 1/4.
    seen, unseen = (2 / 3 + 3 / 7) / 2, (1 / 9 + 1 / 4) / 2
    assert row["seen_iou"] == pytest.approx(seen)
    assert row["harmonic_iou"] == pytest.approx(2 * seen * unseen / (seen + unseen))
    assert (row["n_seen"], row["n_unseen"], row["seeds"], row["unseen"]) == (2, 2, 2, ("right",))
    # Patients do not differ, only seeds do: each of them may be drawn twice.
    assert (row["unseen_dice_low"], row["unseen_dice_high"]) == pytest.approx((0.2, 0.4))
    assert row["seen_dice_low"] == pytest.approx(0.6)
    assert row["seen_dice_high"] == pytest.approx(0.8)
    assert row["harmonic_dice_low"] < row["harmonic_dice"] < row["harmonic_dice_high"]


def test_where_every_case_shows_all_the_interval_is_that_of_a_plain_mean():
    rng = np.random.default_rng(0)
    dice = rng.uniform(0.2, 0.9, (3, 2, 12))
    cases = pd.concat([cases_of(*dice[seed], seed=seed) for seed in range(3)])
    (row,) = unseen_levels(cases).to_dict("records")
    for at, part in enumerate(("seen", "unseen")):
        expected = crossed_mean(dice[:, at].T, np.arange(12))
        found = [row[f"{part}_dice{end}"] for end in ("", "_low", "_high")]
        assert found == pytest.approx([expected.value, expected.low, expected.high])


def test_a_class_that_is_never_drawn_makes_the_harmonic_mean_nothing():
    (row,) = unseen_levels(cases_of([0.8, 0.6], [0.0, 0.0])).to_dict("records")
    assert (row["unseen_dice"], row["harmonic_dice"], row["harmonic_dice_high"]) == (0, 0, 0)
    np.testing.assert_allclose(
        harmonic(np.array([0.0, 0.5, np.nan]), np.array([0.0, 0.5, 1.0])), [0, 0.5, np.nan]
    )


def test_what_no_case_or_one_patient_shows_is_unknown():
    (row,) = unseen_levels(cases_of([0.8, 0.6], [None, None])).to_dict("records")
    assert row["seen_dice"] == pytest.approx(0.7)
    assert row["seen_dice_low"] != row["seen_dice_low"]
    assert math.isnan(row["unseen_dice"])
    assert math.isnan(row["harmonic_dice"])
    assert row["n_unseen"] == 0
    (row,) = unseen_levels(cases_of([0.8, 0.6], [None, 0.4])).to_dict("records")
    assert row["unseen_dice"] == pytest.approx(0.4)
    assert math.isnan(row["unseen_dice_low"])


def test_the_headline_is_of_the_arm_both_at_the_fewest_real_images():
    cases = pd.concat(
        [
            cases_of([0.9, 0.9], [0.9, 0.9], kind="synthetic", real="", images=0),
            cases_of([0.5, 0.5], [0.5, 0.5], real="9", images=9),
            cases_of([0.4, 0.4], [0.4, 0.4]),
            cases_of([0.1, 0.1], [0.1, 0.1], kind="reversed"),
            cases_of([0.3, 0.3], [0.3, 0.3], domain="plain").assign(unseen=False),
        ]
    )
    table = unseen_levels(cases)
    assert set(table["domain"]) == {"discs"}
    assert "reversed" not in set(table["kind"])
    scores = unseen_scores(table)
    assert len(scores) == 6 * (3 + 1)
    heads = {score.metric: score for score in scores if score.headline}
    assert heads["utility_unseen_dice"].value == pytest.approx(0.4)
    assert heads["utility_harmonic_dice"].parameters["unseen"] == "right"
    # Gains over seen and unseen classes together are kept from the lake.
    assert {score.metric for score in SegmentationTask().utility(cases).scores} == set(heads)


def section_of(*unseen, **more):
    return UtilitySection(unseen=unseen, **more)


def test_only_pairs_without_the_class_remain(discs):
    pairs = discs(4, size=32, classes=2)
    pairs.masks[[0, 2]] = np.where(pairs.masks[[0, 2]] == 2, 0, pairs.masks[[0, 2]])
    kept = without(pairs, ("right",), CLASSES)
    assert kept.facets["patient"].tolist() == ["p0", "p2"]
    assert without(pairs, (), CLASSES) is pairs
    assert len(without(pairs, ("else",), CLASSES)) == 4
    check_unseen(section_of("right"), pairs, pairs, CLASSES)
    check_unseen(section_of(), pairs, pairs, {})


@pytest.mark.parametrize(
    ("unseen", "words"),
    [
        (("rigt",), "names 'rigt', which no mask of discs can show; nearest known: 'right'"),
        (("left", "right"), "names every class of domain 'discs'"),
        (("right",), "no real training image of domain 'discs': all 4 show right"),
    ],
)
def test_what_would_leave_nothing_is_refused(unseen, words, discs):
    pairs = discs(4, size=32, classes=2)
    with pytest.raises(InputError, match=words):
        check_unseen(section_of(*unseen), pairs, pairs, CLASSES)
