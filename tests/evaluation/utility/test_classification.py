import math

import numpy as np
import pandas as pd
import pytest

from evaluation.statistics.bootstrap import holm
from evaluation.statistics.roc import discrimination, discrimination_gain
from evaluation.utility.classification import (
    ClassUtility,
    class_gains,
    class_levels,
    classifier_equivalent_images,
)
from evaluation.utility.segmentation import Utility

TRUTH = [0, 0, 1, 1]
# Scores of the second finding; of the four pairs of a 1 and a 0 so many are in order:
THREE = [0.1, 0.4, 0.35, 0.8]  # .8 beats both, .35 beats .1 alone: 3 of 4
TWO = [0.9, 0.2, 0.4, 0.8]  # both beat .2, none beats .9: 2 of 4
ALL = [0.1, 0.2, 0.6, 0.7]


def cases_of(
    scores, *, kind="real", real="2", images=2, seed=0, domain="d", ratio=0.0, truth=TRUTH, **more
):
    count = len(scores)
    return pd.DataFrame(
        {
            "classifier": "resnet",
            "domain": domain,
            "kind": kind,
            "real": real,
            "images": images,
            "seed": seed,
            "ratio": ratio,
            "fold": None,
            "case": range(count),
            "unit": range(count),
            "truth": truth,
            "findings": [("benign", "malignant")] * count,
            "probabilities": [(1 - score, score) for score in scores],
            "provenance": "" if kind in ("real", "augmented") else "transfer",
            "weights": "last",
        }
        | more
    )


def both(scores, **more):
    return cases_of(scores, kind="both", **({"ratio": 1.0} | more))


def alone(scores, **more):
    return cases_of(scores, kind="synthetic", real="", images=0, **more)


def test_levels_by_hand():
    cases = pd.concat([cases_of(TWO, seed=0), cases_of(ALL, seed=1)])
    (row,) = class_levels(cases).to_dict("records")
    # AUROC 2/4 and 4/4. TWO takes .9 for malignant and .4 for benign: one of two right of each.
    assert row["auroc"] == pytest.approx(0.75)
    assert row["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert row["auroc_low"] < 0.75 < row["auroc_high"]
    assert (row["n"], row["patients"], row["seeds"], row["images"]) == (4, 4, 2, 2)
    assert (row["findings"], row["provenance"], row["weights"]) == ("benign, malignant", "", "last")


def test_gains_by_hand():
    cases = pd.concat(
        [
            cases_of(TWO, seed=0),
            cases_of(TWO, seed=1),
            both(THREE, seed=0),
            both(ALL, seed=1),
            alone(TWO, seed=0),
            alone(TWO, seed=1),
        ]
    )
    more, same = class_gains(cases).to_dict("records")
    assert more["comparison"] == "both - real"
    # Seeds gain 1/4 and 2/4.
    assert more["gain"] == pytest.approx(0.375)
    assert more["seed_sd"] == pytest.approx(0.25 / math.sqrt(2))
    # THREE takes both for benign but .8: 2/2 and 1/2 right, 0.75; ALL has all; TWO has half.
    assert more["balanced_gain"] == pytest.approx((0.25 + 0.5) / 2)
    assert (more["n"], more["patients"], more["seeds"]) == (4, 4, 2)
    assert (more["real"], more["images"], more["provenance"]) == ("2", 2, "transfer")
    # No resample differs from no gain.
    assert (same["comparison"], same["gain"], same["p"]) == ("synthetic - real", 0, 1)
    assert (same["low"], same["high"]) == (0, 0)


def test_gains_are_the_paired_bootstraps_and_corrected_together():
    rng = np.random.default_rng(0)
    truth = np.arange(30) % 2
    units = np.repeat(np.arange(15), 2)
    base = [rng.normal(0.3 * truth) for _ in range(2)]
    other = [rng.normal(1.5 * truth) for _ in range(2)]
    told = {"truth": truth, "unit": units}
    parts = [cases_of(base[s], seed=s, **told) for s in range(2)]
    parts += [both(other[s], seed=s, **told) for s in range(2)]
    parts += [cases_of(base[s] + 0.1 * other[s], kind="augmented", seed=s, **told) for s in (0, 1)]
    found = class_gains(pd.concat(parts))
    assert sorted(found["comparison"]) == ["augmented - real", "both - augmented", "both - real"]
    row = found.set_index("comparison").loc["both - real"]
    tables = [np.array([[(1 - s, s) for s in seed] for seed in arm]) for arm in (other, base)]
    paired = discrimination_gain(*tables, truth, units, seed=0).auroc
    assert (row["gain"], row["low"], row["high"]) == (paired.value, paired.low, paired.high)
    # An interval above 0 and a p-value below 0.05 are one statement.
    assert (row["low"] > 0) == (row["p"] < 0.05)
    np.testing.assert_allclose(found["p_holm"], list(holm(dict(enumerate(found["p"]))).values()))
    level = class_levels(pd.concat(parts[:2])).iloc[0]
    alone = discrimination(tables[1], truth, units, seed=0).auroc
    assert (level["auroc"], level["auroc_low"]) == (alone.value, alone.low)


def test_folds_are_read_together():
    first, second = cases_of(ALL), cases_of(ALL)
    first, second = first[first["case"].isin([0, 3])], second[second["case"].isin([1, 2])]
    whole = pd.concat([second.assign(fold=1), first.assign(fold=0)])
    (row,) = class_levels(whole).to_dict("records")
    assert (row["auroc"], row["n"]) == (1, 4)


def test_cases_of_one_finding_have_no_value_and_are_worth_nothing():
    truth = [1, 1, 1, 1]
    rungs = [cases_of(TWO, truth=truth), cases_of(ALL, real="9", images=9, truth=truth)]
    cases = pd.concat([*rungs, both(ALL, truth=truth)])
    levels, gains = class_levels(cases), class_gains(cases)
    assert levels["auroc"].isna().all()
    assert levels["n"].tolist() == [4, 4, 4]
    assert gains[["gain", "p", "p_holm", "low"]].isna().all(axis=None)
    assert classifier_equivalent_images(cases).empty
    (*_, headline) = ClassUtility.of(cases).scores
    assert math.isnan(headline.value)
    assert headline.n == 4


def test_one_patient_of_a_finding_leaves_no_interval():
    told = {"truth": [0, 0, 1], "unit": [0, 1, 2]}
    rungs = [cases_of(TWO[:3], **told), cases_of(ALL[:3], real="9", images=9, **told)]
    cases = pd.concat([*rungs, both(ALL[:3], **told)])
    (gain,) = class_gains(cases).to_dict("records")
    assert gain["gain"] == pytest.approx(0.5)
    assert math.isnan(gain["low"])
    assert math.isnan(gain["p"])
    (worth,) = classifier_equivalent_images(cases).to_dict("records")
    assert worth["images"] == pytest.approx(9)
    assert math.isnan(worth["low"])
    assert worth["words"] == "9"


def curve(**more):
    """AUROC 2/4 with 4 images and 4/4 with 16."""
    return [
        cases_of(scores, real=str(images), images=images, seed=seed, **more)
        for images, scores in ((4, TWO), (16, ALL))
        for seed in (0, 1)
    ]


def test_worth_by_hand():
    halfway = [alone(THREE, seed=seed) for seed in (0, 1)]
    (row,) = classifier_equivalent_images(pd.concat([*curve(), *halfway])).to_dict("records")
    # 3/4 lies half of the way from 2/4 to 4/4: √(4 · 16) = 8.
    assert row["images"] == pytest.approx(8)
    assert row["low"] <= 8 <= row["high"]
    assert (row["own"], row["fewest"], row["most"]) == (0, 4, 16)
    assert (row["n"], row["seeds"], row["classifier"]) == (4, 2, "resnet")


def test_worth_beyond_the_ends_is_censored():
    falling = [
        cases_of(THREE, real=str(images), images=images, seed=seed)
        for images in (4, 16)
        for seed in (0, 1)
    ]
    above = [alone(ALL, seed=seed) for seed in (0, 1)]
    below = [both(TWO, real="4", images=4, seed=seed) for seed in (0, 1)]
    over, under = classifier_equivalent_images(pd.concat([*falling, *above, *below])).to_dict(
        "records"
    )
    assert (over["images"], over["high"]) == (16, math.inf)
    assert over["words"].startswith("more than all 16")
    assert (under["images"], under["low"]) == (4, 0)
    assert under["words"].startswith("fewer than 4")
    assert classifier_equivalent_images(pd.concat([*curve()[:2], *above])).empty


def test_headlines_are_means_over_domains():
    parts = []
    for domain, scores in (("a", THREE), ("b", ALL)):
        parts += curve(domain=domain)
        told = {"domain": domain, "real": "4", "images": 4}
        parts += [both(scores, seed=seed, **told) for seed in (0, 1)]
        parts += [alone(scores, seed=seed, domain=domain) for seed in (0, 1)]
    found = Utility.of(pd.DataFrame(), pd.concat(parts))
    assert found.levels.empty
    headlines = {score.metric: score for score in found.scores if score.headline}
    assert set(headlines) == {"utility_auroc_gain", "utility_auroc_equivalent_images"}
    gain, worth = headlines["utility_auroc_gain"], headlines["utility_auroc_equivalent_images"]
    assert gain.value == pytest.approx((0.25 + 0.5) / 2)
    assert gain.unit == "AUROC"
    told = {"classifier": "resnet", "real": "4", "ratio": 1.0, "provenance": "transfer"}
    assert gain.parameters == told
    assert worth.value == pytest.approx((8 + 16) / 2)
    assert worth.parameters["kind"] == "synthetic"


def test_arms_tried_in_reverse_are_compared_with_none():
    cases = pd.concat([cases_of(TWO), cases_of([*ALL, 0.5], kind="reversed", truth=[*TRUTH, 1])])
    assert len(class_levels(cases)) == 2
    assert class_gains(cases).empty
    assert ClassUtility.of(cases).scores == ()
    assert ClassUtility.of(pd.DataFrame()).levels.empty
