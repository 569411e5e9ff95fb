import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from evaluation.utility.equivalent_images import (
    equivalent,
    equivalent_image_scores,
    isotonic,
    words,
)
from evaluation.utility.segmentation import SegmentationTask

NAMED = ("utility_equivalent_images", "segmenter")
CURVES = st.lists(st.floats(0, 1), min_size=2, max_size=6)


def equivalent_images(cases):
    # Tables of no interest here ask for more columns.
    more = dict.fromkeys(("iou", "hd95", "nsd", "missed", "false"), 0.0)
    stated = {"provenance": "full", "weights": "last", "unseen": False}
    return SegmentationTask().utility(cases.assign(**more, **stated)).equivalent_images


def cases_of(dice, *, kind="real", real="", images=0, seed=0, domain="d", ratio=0.0):
    return pd.DataFrame(
        {
            "segmenter": "unet",
            "domain": domain,
            "kind": kind,
            "ratio": ratio,
            "real": real,
            "images": images,
            "seed": seed,
            "case": range(len(dice)),
            "unit": range(len(dice)),
            "class": "macro",
            "shown": True,
            "dice": dice,
        }
    )


def curve_of(levels, noise=0.0, units=20, seeds=3, **more):
    """Cases whose real arm has these levels: images -> Dice."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0, noise, units)
    return [
        cases_of(dice + hard + rng.normal(0, noise, units), real=str(k), images=k, seed=s, **more)
        for k, dice in levels.items()
        for s in range(seeds)
    ]


@given(CURVES)
def test_the_monotone_fit_equals_scipys(values):
    ours = isotonic(np.array([values, values[::-1]]))
    for fit, curve in zip(ours, (values, values[::-1]), strict=True):
        np.testing.assert_allclose(fit, isotonic_regression(curve).x, atol=1e-12)


def test_the_monotone_fit_by_hand():
    # 0.6 and 0.4 must not fall: both become their mean.
    assert isotonic(np.array([[0.2, 0.6, 0.4, 0.8]]))[0] == pytest.approx([0.2, 0.5, 0.5, 0.8])


def test_halfway_in_the_logarithm_by_hand():
    curves = np.array([[0.4, 0.6, 0.6, 0.9]] * 6)
    found = equivalent(curves, [5, 20, 40, 80], np.array([0.4, 0.5, 0.6, 0.75, 0.3, 0.95]))
    # √(5 · 20) = 10; of equals the fewest; √(40 · 80) = 56.6.
    assert found == pytest.approx([5, 10, 20, math.sqrt(3200), 0, math.inf])


@settings(max_examples=50)
@given(CURVES, st.floats(0, 1), st.floats(0, 1))
def test_more_dice_never_equals_fewer_images(values, one, other):
    curve, images = isotonic(np.array([values])), [2**k for k in range(len(values))]
    less, more = (equivalent(curve, images, np.array([d]))[0] for d in sorted((one, other)))
    assert less <= more
    assert less == 0 or more == math.inf or images[0] <= less <= more <= images[-1] * (1 + 1e-9)


def test_an_arm_that_equals_a_point_of_the_curve_equals_its_images():
    cases = curve_of({5: 0.5, 20: 0.7, 80: 0.8}, noise=0.002)
    same = [c.assign(kind="synthetic", real="", images=0) for c in cases[3:6]]
    (row,) = equivalent_images(pd.concat([*cases, *same])).to_dict("records")
    assert row["images"] == pytest.approx(20)
    assert row["low"] <= 20 <= row["high"] + 1e-9
    assert row["high"] < 25
    assert (row["own"], row["fewest"], row["most"], row["n"], row["seeds"]) == (0, 5, 80, 20, 3)
    assert row["words"].startswith("20 [")


def test_beyond_the_ends_it_is_censored():
    cases = curve_of({5: 0.5, 80: 0.8})
    above = [cases_of([0.9] * 20, kind="synthetic", seed=s) for s in range(3)]
    below = [
        cases_of([0.1] * 20, kind="both", real="5", images=5, ratio=1.0, seed=s) for s in range(3)
    ]
    over, under = equivalent_images(pd.concat([*cases, *above, *below])).to_dict("records")
    assert (over["images"], over["low"], over["high"]) == (80, 80, math.inf)
    assert over["words"] == "more than all 80"
    assert (under["images"], under["low"], under["high"], under["own"]) == (5, 0, 5, 5)
    assert under["words"] == "fewer than 5"


def test_one_number_of_real_images_is_no_curve_and_one_patient_has_no_bounds():
    made = [cases_of([0.5], kind="synthetic", seed=s) for s in range(3)]
    assert equivalent_images(pd.concat([*curve_of({5: 0.4}, units=1), *made])).empty
    (row,) = equivalent_images(pd.concat([*curve_of({5: 0.4, 20: 0.6}, units=1), *made])).to_dict(
        "records"
    )
    assert row["images"] == pytest.approx(10)
    assert math.isnan(row["low"])
    assert row["words"] == "10"


def test_all_images_named_twice_are_one_point():
    cases = curve_of({5: 0.4, 80: 0.8})
    again = [c.assign(real="all") for c in cases[3:]]
    made = [cases_of([0.6] * 20, kind="synthetic", seed=s) for s in range(3)]
    (row,) = equivalent_images(pd.concat([*cases, *again, *made])).to_dict("records")
    assert row["images"] == pytest.approx(20)


def test_the_headline_is_that_of_synthetic_pairs_alone_over_domains():
    parts = []
    for domain, dice in (("a", 0.5), ("b", 0.6)):
        parts += curve_of({5: 0.5, 20: 0.7}, domain=domain)
        both = {"kind": "both", "real": "5", "images": 5, "ratio": 1.0}
        for seed in range(3):
            parts.append(cases_of([0.7] * 20, domain=domain, seed=seed, **both))
            parts.append(cases_of([dice] * 20, kind="synthetic", domain=domain, seed=seed))
    *each, headline = equivalent_image_scores(equivalent_images(pd.concat(parts)), *NAMED, "ab")
    assert len(each) == 4
    assert headline.headline
    assert headline.parameters["kind"] == "synthetic"
    assert headline.value == pytest.approx((5 + 10) / 2)
    assert equivalent_image_scores(pd.DataFrame(), *NAMED, "ab") == []


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((34.4, 12.2, 80.0), "34 [12, 80]"),
        ((34.4, 0.0, math.inf), "34 [fewer, more]"),
        ((math.inf, 40.0, math.inf), "more than all 97 [40, more]"),
        ((math.inf, 97.0, math.inf), "more than all 97"),
        ((0.0, 0.0, 30.0), "fewer than 5 [fewer, 30]"),
        ((0.0, 0.0, 5.0), "fewer than 5"),
    ],
)
def test_what_people_read(numbers, told):
    assert words(*numbers, fewest=5, most=97) == told
