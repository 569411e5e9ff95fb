import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from evaluation.pairs import units_of
from evaluation.statistics.bootstrap import holm
from evaluation.utility.segmentation import SegmentationTask, nested_subset, signed_rank
from evaluation.utility.segmenter_test import MACRO


def gains(cases):
    return SegmentationTask().utility(cases).gains


def levels(cases):
    return SegmentationTask().utility(cases).levels


def cases_of(
    dice, *, kind="real", real="2", images=2, seed=0, domain="discs", ratio=0.0, shown=None, **more
):
    count = len(dice)
    return pd.DataFrame(
        {
            "segmenter": "unet",
            "domain": domain,
            "kind": kind,
            "ratio": ratio,
            "real": real,
            "images": images,
            "seed": seed,
            "case": range(count),
            "unit": range(count),
            "class": MACRO,
            "shown": [True] * count if shown is None else shown,
            "dice": dice,
            "iou": np.asarray(dice) / 2,
            "hd95": 3.0,
            "nsd": math.nan,
            "missed": 0,
            "false": 0,
            "provenance": "" if kind in ("real", "augmented") else "full",
            "weights": "last",
            "unseen": False,
        }
        | more
    )


def both(dice, **more):
    return cases_of(dice, kind="both", **({"ratio": 1.0} | more))


def alone(dice, **more):
    return cases_of(dice, kind="synthetic", real="", images=0, **more)


def test_the_worst_decile_is_of_cases_whatever_the_seed():
    dice = np.linspace(0.1, 0.9, 11)
    cases = pd.concat([cases_of(dice, seed=0), cases_of(dice + 0.1, seed=1)])
    (row,) = levels(cases).to_dict("records")
    # Two of eleven: 0.1 and 0.18, each half a tenth higher over the seeds.
    assert row["dice_worst"] == pytest.approx(0.19)


def test_gains_by_hand():
    cases = pd.concat(
        [
            cases_of([0.5, 0.7], seed=0),
            cases_of([0.5, 0.7], seed=1),
            both([0.6, 0.8], seed=0),
            both([0.8, 1.0], seed=1),
            alone([0.4, 0.5], seed=0),
            alone([0.4, 0.5], seed=1),
        ]
    )
    with_both, with_none = gains(cases).to_dict("records")
    # Seeds gain 0.1 and 0.3, alike in both cases.
    assert with_both["comparison"] == "both - real"
    told = (with_both["gain"], with_both["low"], with_both["high"])
    assert told == pytest.approx((0.2, 0.1, 0.3))
    assert with_both["seed_sd"] == pytest.approx(math.sqrt(0.02))
    assert (with_both["n"], with_both["seeds"], with_both["images"]) == (2, 2, 2)
    assert (with_both["patients"], with_both["provenance"]) == (2, "full")
    # Both patients gain: of four signs of two ranks two are as extreme, p = 2 / 4.
    assert with_both["p"] == 0.5
    assert with_both["p_holm"] == 1.0
    # Cases lose 0.1 and 0.2, alike under both seeds.
    told = (with_none["gain"], with_none["low"], with_none["high"])
    assert told == pytest.approx((-0.15, -0.2, -0.1))
    table = levels(cases).set_index("kind")
    assert table.loc["real", "dice"] == pytest.approx(0.6)
    assert table.loc["synthetic", "dice"] == pytest.approx(0.45)


def test_every_arm_is_compared_with_both_bases_of_its_size():
    arms = [
        cases_of([0.5, 0.6]),
        cases_of([0.5, 0.6], real="all", images=9),
        cases_of([0.6, 0.7], kind="augmented"),
        both([0.7, 0.9]),
        both([0.7, 0.9], ratio=3.0),
        cases_of([0.7, 0.9], kind="pretrained"),
        cases_of([0.1, 0.9, 0.3], kind="reversed"),
        alone([0.4, 0.5]),
    ]
    found = gains(pd.concat(arms))
    told = sorted(zip(found["comparison"], found["real"], found["ratio"], strict=True))
    assert told == sorted(
        [
            ("augmented - real", "2", 0.0),
            *((f"both - {base}", "2", r) for base in ("real", "augmented") for r in (1.0, 3.0)),
            ("pretrained - augmented", "2", 0.0),
            ("pretrained - real", "2", 0.0),
            ("synthetic - augmented", "2", 0.0),
            ("synthetic - real", "2", 0.0),
            ("synthetic - real", "all", 0.0),
        ]
    )
    np.testing.assert_allclose(found["p_holm"], list(holm(dict(enumerate(found["p"]))).values()))


def test_real_images_with_pairs_are_compared_with_twice_as_many_real_ones():
    arms = [
        cases_of([0.5, 0.6]),
        cases_of([0.7, 0.7], real="half", images=4),
        cases_of([0.8, 0.9], real="all", images=8),
        cases_of([0.9, 0.9], real="10", images=10),
        both([0.75, 0.8], real="2"),
        both([0.9, 0.9], real="half", images=4),
    ]
    found = gains(pd.concat(arms)).set_index("comparison").loc["both - twice real"]
    told = zip(found["real"], found["images"], found["gain"].round(3), strict=True)
    # Two with pairs against four alone; four with pairs against eight.
    assert list(told) == [("2", 2, 0.075), ("half", 4, 0.05)]


def test_the_test_is_scipys_over_patients():
    rng = np.random.default_rng(0)
    base, other = rng.uniform(0.4, 0.9, (2, 3, 12))
    units = np.repeat(np.arange(6), 2)
    parts = [cases_of(base[s], seed=s, unit=units) for s in range(3)]
    parts += [both(other[s], seed=s, unit=units) for s in range(3)]
    (row,) = gains(pd.concat(parts)).to_dict("records")
    gaps = (other - base).mean(0).reshape(6, 2).mean(1)
    assert row["p"] == pytest.approx(wilcoxon(gaps).pvalue)
    assert (row["patients"], row["n"]) == (6, 12)


def test_no_difference_and_one_patient():
    assert signed_rank(pd.Series([0.0, 0.0, 0.0])) == 1.0
    assert math.isnan(signed_rank(pd.Series([0.3])))
    (row,) = gains(pd.concat([cases_of([0.5]), both([0.7])])).to_dict("records")
    assert row["gain"] == pytest.approx(0.2)
    assert all(math.isnan(row[name]) for name in ("low", "high", "p", "p_holm", "seed_sd"))


def test_levels_tell_positives_from_all_and_count_what_was_missed_and_false():
    shown = [True, True, False]
    seeds = [
        cases_of([0.0, 0.8, 0.0], shown=shown, missed=[1, 0, 0], false=[0, 0, 1], seed=seed)
        for seed in (0, 1)
    ]
    (row,) = levels(pd.concat(seeds)).to_dict("records")
    assert row["dice"] == pytest.approx(0.4)
    assert row["iou"] == pytest.approx(0.2)
    assert row["dice_all"] == pytest.approx(0.8 / 3)
    assert (row["n"], row["n_empty"], row["missed"], row["false"], row["seeds"]) == (2, 1, 2, 2, 2)
    assert row["hd95"] == 3.0
    # Without spacing there is no NSD.
    assert math.isnan(row["nsd"])
    assert math.isnan(row["nsd_low"])
    assert (row["provenance"], row["weights"]) == ("", "last")


def test_nothing_but_empty_masks_has_no_level_and_no_gain():
    shown = [False, False]
    cases = pd.concat([cases_of([1.0, 0.0], shown=shown), both([1.0, 1.0], shown=shown)])
    first, _ = levels(cases).to_dict("records")
    assert math.isnan(first["dice"])
    assert first["dice_all"] == 0.5
    assert (first["n"], first["n_empty"]) == (0, 2)
    told = SegmentationTask().utility(cases)
    assert told.gains.empty
    assert told.equivalent_images.empty
    assert told.scores == ()


def test_the_headline_is_the_gain_at_the_fewest_real_images_and_the_first_ratio():
    cases = []
    for domain, gain in (("a", 0.1), ("b", 0.3)):
        for real, images, share in (("2", 2, 1.0), ("all", 9, 0.5)):
            base = np.array([0.4, 0.5])
            options = {"real": real, "images": images, "domain": domain}
            cases.append(cases_of(base, **options))
            cases.append(both(base + share * gain, **options))
            cases.append(both(base, ratio=3.0, **options))
    scores = SegmentationTask().utility(pd.concat(cases)).scores
    *parts, headline = (score for score in scores if score.metric == "utility_gain")
    assert len(parts) == 8
    assert headline.headline
    assert headline.value == pytest.approx(0.2)
    assert headline.n == 4
    told = {"segmenter": "unet", "real": "2", "ratio": 1.0, "provenance": "full"}
    assert headline.parameters == told


def test_real_arms_alone_give_tables_and_no_scores():
    told = SegmentationTask().utility(
        pd.concat([cases_of([0.4, 0.5]), cases_of([0.6, 0.7], real="9", images=9)])
    )
    assert len(told.levels) == 2
    assert told.gains.empty
    assert told.scores == ()


def test_both_headlines_are_among_the_scores():
    parts = [cases_of([0.4, 0.5]), cases_of([0.6, 0.7], real="9", images=9)]
    told = SegmentationTask().utility(pd.concat([*parts, both([0.6, 0.7]), alone([0.4, 0.5])]))
    found = {score.metric: score for score in told.scores if score.headline}
    assert set(found) == {"utility_gain", "utility_equivalent_images"}
    assert found["utility_equivalent_images"].value == pytest.approx(2)


@settings(max_examples=25)
@given(small=st.integers(0, 12), large=st.integers(0, 12), seed=st.integers(0, 50))
def test_subsets_of_a_seed_are_nested_and_go_by_patient(discs, small, large, seed):
    real = discs(12, size=32)
    real.facets["patient"] = [f"p{n // 3}" for n in range(12)]
    small, large = sorted((small, large))
    less, more = nested_subset(real, small, seed), nested_subset(real, large, seed)
    assert more[:small].tolist() == less.tolist()
    assert len(set(more)) == large
    # At most the last patient is taken in part.
    counts = np.bincount(units_of(real)[more], minlength=4)
    assert sum(0 < count < 3 for count in counts) <= 1
