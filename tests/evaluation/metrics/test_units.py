"""Slices of one synthetic volume are one observation, in every interval."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.agreement.judge_agreement import Judge
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.registry import FAMILIES
from evaluation.pairs import take
from evaluation.settings import EvaluateSection

COUNT, SLICES = 9, 6  # fewer than ten: rows and volumes then sort alike, and resamples are the same
SECTION = EvaluateSection(ms_ssim_pairs=10)
MEANS = ("judge_agreement", "before_filtering", "masks", "band_power", "flat_noise", "sharpness")
SHUFFLED = ("consistency_shuffled", "consistency_closed")  # partners are drawn anew


class Level(Judge):
    """Sees discs by their brightness, more of some than of others."""

    classes, digest = ("disc",), "level"

    def predict(self, images):
        return (images.mean(-1) > 118).astype(np.uint8)


@pytest.fixture(scope="module")
def contexts(discs):
    """Synthetic pairs that are all different; and each as so many equal slices of a volume."""
    pairs = discs(COUNT, seed=3)
    noisy = np.random.default_rng(0).normal(
        0, np.linspace(4, 40, COUNT)[:, None, None, None], pairs.images.shape
    )
    pairs = replace(
        pairs,
        images=(pairs.images + noisy).clip(0, 255).astype(np.uint8),
        facets=pairs.facets.assign(patient="", labels=["disc", ""] * 4 + ["disc"]),
        spacing_mm=np.ones((COUNT, 2), np.float32),
    )
    rows = np.repeat(np.arange(COUNT), SLICES)
    slices = take(pairs, rows)
    slices.facets["volume"] = [f"v{row}" for row in rows]
    train, held_out, rejected = discs(12), discs(8, seed=1), take(pairs, np.arange(0))
    return [
        ScoringContext(each, train, held_out, SECTION, Level(), rejected=rejected)
        for each in (pairs, slices)
    ]


def readings(context, family):
    return {
        (each.metric, each.parameters.get("class")): each.estimate
        for each in FAMILIES[family].measure(context)
    }


@pytest.mark.parametrize("family", MEANS)
def test_equal_slices_say_no_more_than_one_image_of_each_volume(contexts, family):
    alone, stacked = (readings(context, family) for context in contexts)
    assert alone
    for key, one in alone.items():
        if key[0] not in SHUFFLED and not key[0].endswith("_real"):
            found = stacked[key]
            assert found.value == pytest.approx(one.value), key
            assert (found.low, found.high) == pytest.approx((one.low, one.high), rel=1e-3), (
                key
            )  # rounding moves BCa
            assert found.n == SLICES * one.n


def test_no_slice_is_held_against_a_mask_of_its_own_volume(contexts):
    """Else equal slices would have each other's masks, and chance would look like agreement."""
    alone, stacked = (readings(context, "judge_agreement") for context in contexts)
    key = "consistency_shuffled", None
    assert stacked[key].value == pytest.approx(alone[key].value, abs=0.1)
    ours, theirs = (found["consistency_closed", None] for found in (stacked, alone))
    assert ours.high - ours.low > 0.7 * (theirs.high - theirs.low)


def test_near_copies_are_counted_over_volumes(contexts):
    alone, stacked = (readings(context, "privacy") for context in contexts)
    for name in ("authenticity", "dcr_share"):
        one, found = alone[name, None], stacked[name, None]
        assert (found.value, found.low) == pytest.approx((one.value, one.low), rel=0.05)
        assert found.high == pytest.approx(one.high, rel=0.05)
        assert one.low < one.high
    known = [found["memorised_certifiable", None].value for found in (alone, stacked)]
    assert known == pytest.approx([1 - 0.025 ** (1 / COUNT)] * 2)


def test_the_greatest_of_many_means_is_found_over_volumes(contexts):
    alone, stacked = (readings(context, "grid")["grid_excess", None] for context in contexts)
    assert (stacked.value, stacked.low) == pytest.approx((alone.value, alone.low))
    assert stacked.high == pytest.approx(alone.high)
