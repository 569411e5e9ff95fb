import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, rotate

from evaluation.gating.pair_metrics import pair_numbers
from evaluation.pairs import Block
from evaluation.privacy.image_distance import (
    SIDE,
    DistanceCache,
    _averaging,
    distances,
    local_contrast,
)
from evaluation.privacy.memorisation import (
    NearestNeighbourDistances,
    authenticity,
    copying_p,
    dcr_share,
    membership_advantage,
)
from evaluation.statistics.exact_share import exact_interval


def scenes(count, seed, size=64):
    """Smooth random images that differ from one another as real ones do."""
    noise = np.random.default_rng(seed).normal(size=(count, size, size))
    smooth = gaussian_filter(noise, (0, 4, 4))
    smooth = 128 + 40 * smooth / smooth.std((1, 2), keepdims=True)
    return smooth.round().clip(0, 255).astype(np.uint8)[..., None]


TRAIN, HELD_OUT, FRESH = scenes(60, 0), scenes(100, 1), scenes(50, 2)


def block(images, patients=None):
    count = len(images)
    facets = pd.DataFrame({"patient": patients or [""] * count})
    spacing = np.full((count, 2), np.nan, np.float32)
    return Block(
        images, np.zeros(images.shape[:3], np.uint8), facets, spacing, np.ones(count, bool)
    )


def compared(synthetic, train=TRAIN, held_out=HELD_OUT):
    return NearestNeighbourDistances.of(block(synthetic), block(train), block(held_out))


def disguised(images, how):
    grey = images.astype(float)
    return (
        {
            "same": grey,
            "shifted": np.roll(grey, (1, -2), (1, 2)),
            "darker": 255 * (grey / 255) ** 1.4,
            "tilted": rotate(grey, 8, axes=(1, 2), reshape=False, order=1, mode="nearest"),
            "mirrored": grey[:, :, ::-1],
            "contrast": 0.6 * grey + 40,
            "blurred": gaussian_filter(grey, (0, 1, 1, 0)),
            "noisy": grey + np.random.default_rng(0).normal(0, 5, grey.shape),
        }[how]
        .clip(0, 255)
        .round()
        .astype(np.uint8)
    )


@pytest.mark.parametrize(
    "how",
    [
        "same",
        "shifted",
        "darker",
        "tilted",
        "mirrored",
        "contrast",
        "blurred",
        "noisy",
    ],
)
def test_a_disguised_training_image_is_caught_and_named(how):
    copies = disguised(TRAIN[:10], how)
    found = compared(np.concatenate([FRESH[:30], copies]), TRAIN, HELD_OUT)
    assert found.copied[30:].all()
    assert found.nearest[30:].tolist() == list(range(10))
    assert found.copied[:30].mean() <= 0.1
    assert found.share.value == found.copied.mean()


def test_the_threshold_is_the_1_percent_quantile_of_held_out_images():
    found = compared(FRESH, TRAIN, HELD_OUT)
    assert found.threshold == np.quantile(found.held_out_distance, 0.01)
    # One of a hundred lies below.
    assert found.held_out_share.value == 0.01
    assert found.held_out_share.n == 100
    assert found.share.n == 50


def test_distances_agree_with_a_plain_search():
    """One query against a pool, through the cosine over the shifts, sides and tilts."""
    query, pool = local_contrast(FRESH[:1])[0], local_contrast(TRAIN[:9])
    halved = [image.reshape(32, 2, 32, 2).mean((1, 3)) for image in pool]
    turned = [
        rotate(side, tilt, reshape=False, order=1, mode="nearest") if tilt else side
        for side in (query, query[:, ::-1])
        for tilt in (-10, -5, 0, 5, 10)
    ]
    views = [
        seen.reshape(32, 2, 32, 2).mean((1, 3))[dy : dy + 30, dx : dx + 30].ravel()
        for seen in turned
        for dy in range(3)
        for dx in range(3)
    ]
    best = [
        min(np.sqrt(2 - 2 * cosine(view, other[1:31, 1:31].ravel())) for view in views)
        for other in halved
    ]
    np.testing.assert_allclose(distances(FRESH[:1], TRAIN[:9])[0], best, atol=1e-4)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@settings(max_examples=15)
@given(gain=st.floats(0.6, 1.4), offset=st.floats(-20, 20))
def test_local_contrast_is_nearly_blind_to_brightness_and_contrast(gain, offset):
    plain = scenes(1, 5)
    changed = (gain * (plain.astype(float) - 128) + 128 + offset).clip(0, 255)
    a, b = (local_contrast(i.astype(np.uint8)).ravel() for i in (plain, changed))
    assert cosine(a, b) > 0.99


@pytest.mark.parametrize("size", [32, 64, 100, 128])
def test_averaging_keeps_means_and_splits_pixels(size):
    matrix = _averaging(size)
    assert matrix.shape == (SIDE, size)
    np.testing.assert_allclose(matrix.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(matrix.mean(0) * size, 1, rtol=1e-5)
    if size == 128:
        np.testing.assert_allclose(matrix[0, :3], [0.5, 0.5, 0])


def test_degenerate_sets():
    flat = np.full((2, 64, 64, 1), 9, np.uint8)
    assert not local_contrast(flat).any()
    assert compared(flat, TRAIN, HELD_OUT).distance == pytest.approx(1)
    assert compared(flat, flat, HELD_OUT).distance.tolist() == [0, 0]
    alone = compared(FRESH, TRAIN, HELD_OUT[:0])
    assert math.isnan(alone.threshold)
    assert math.isnan(alone.share.value)
    assert not alone.copied.any()
    none = compared(FRESH[:0], TRAIN, HELD_OUT)
    assert none.distance.shape == none.nearest.shape == (0,)
    with pytest.raises(ValueError, match="no training image"):
        compared(FRESH, TRAIN[:0], HELD_OUT)


def by_hand(to_train, to_held_out, held_out_to_train, train_to_train):
    tables = (to_train, to_held_out, held_out_to_train, train_to_train)
    arrays = [np.array(table, np.float32) for table in tables]
    units = (np.arange(len(arrays[at])) for at in (0, 3, 2))
    return NearestNeighbourDistances(*arrays, *units)


INF = np.inf


def test_authenticity_by_hand():
    # Image 0 is 0.1 from training image 0, whose neighbour is 0.5 away: not authentic.
    # Image 1 is 0.9 from training image 1, whose neighbour is 0.5 away: authentic.
    found = by_hand([[0.1, 1], [1, 0.9]], [[1], [1]], [[0.6, 1]], [[INF, 0.5], [0.5, INF]])
    assert authenticity(found).value == 0.5
    assert authenticity(found, held_out=True).value == 1


def test_membership_by_hand():
    # Training images lie 0.1 and 0.5 from the nearest synthetic one, held-out ones 0.3 and 0.9:
    # of four pairs three have the training image nearer, so AUC 0.75 and the advantage 0.5.
    found = by_hand([[0.1, 0.5], [1, 1]], [[0.3, 0.9], [1, 1]], [[1, 1]] * 2, [[INF, 1], [1, INF]])
    assert membership_advantage(found).value == pytest.approx(0.5)


@pytest.mark.parametrize("single", ["train_units", "held_out_units"])
def test_of_one_patient_nobody_knows_how_sure_the_advantage_is(single):
    found = compared(FRESH, TRAIN[:6], HELD_OUT[:6])
    one = membership_advantage(replace(found, **{single: np.zeros(6, int)}))
    assert one.value == membership_advantage(found).value
    assert math.isnan(one.low)
    assert math.isnan(one.high)


def test_copies_give_training_images_away_and_fresh_images_do_not():
    copies = compared(np.concatenate([FRESH[:30], TRAIN[:20]]))
    assert copying_p(copies) <= 0.002
    assert membership_advantage(copies).low > 0.1
    assert dcr_share(copies).low > 0.5
    assert authenticity(copies).high < authenticity(copies, held_out=True).low + 0.2
    fresh = compared(FRESH)
    assert copying_p(fresh) > 0.05
    assert abs(membership_advantage(fresh).value) < 0.25
    assert dcr_share(fresh).low <= 0.5 <= dcr_share(fresh).high
    # 0 of 50: below the upper bound p, so many without one are at least as likely as 0.025.
    assert fresh.certifiable.value == pytest.approx(1 - 0.025 ** (1 / 50))


def test_images_of_one_patient_are_no_yardstick_for_one_another():
    pairs = np.concatenate([TRAIN[:10], TRAIN[:10]])
    patients = [f"p{i % 10}" for i in range(20)]
    found = NearestNeighbourDistances.of(block(FRESH), block(pairs, patients), block(HELD_OUT))
    assert found.train_distance.min() > 0.1


def test_a_training_image_that_is_there_many_times_is_one_image():
    repeated = np.concatenate([TRAIN[:20], np.repeat(TRAIN[:1], 100, axis=0)])
    once, often = compared(FRESH, TRAIN[:20]), compared(FRESH, repeated)
    # Under a hundred names it would be its own nearest neighbour, and no copy would stand out;
    # under one name its distance would count a hundred times, and anything might.
    assert often.train_distance.min() > 0.1
    kept = [found.train_distance[found.unlike] for found in (often, once)]
    np.testing.assert_allclose(*kept, rtol=1e-5)
    assert copying_p(often) == copying_p(once)
    copies = np.concatenate([FRESH[:30], repeated[-20:]])
    assert copying_p(compared(copies, repeated)) <= 0.002


def test_no_false_copies_among_exchangeable_images():
    """The share of p-values below 0.1 over 60 random splits of one pool: about a tenth."""
    table = distances(np.concatenate([HELD_OUT, FRESH]), TRAIN)
    rng, low = np.random.default_rng(0), 0
    for _ in range(60):
        turn = rng.permutation(150)
        found = NearestNeighbourDistances(
            table[turn[:50]],
            np.zeros((50, 100), np.float32),
            table[turn[50:]],
            np.full((60, 60), np.inf, np.float32),
            np.arange(50),
            np.arange(60),
            np.arange(100),
        )
        low += copying_p(found, seed=int(turn[0])) <= 0.1
    assert low <= 13  # binomial(60, 0.1): 13 or more in one of 200 such tests


def test_no_false_copies_among_exchangeable_patients_of_many_images():
    """Each patient's 20 images lie equally far: of 60 such sets a tenth have a p below 0.1."""
    rng, low, naive = np.random.default_rng(0), 0, 0
    for _ in range(60):
        nearest = np.repeat(rng.normal(1, 0.1, 20), 20).astype(np.float32)
        nearest += rng.normal(0, 0.001, 400).astype(np.float32)
        found = NearestNeighbourDistances(
            nearest[:200, None],
            np.zeros((200, 200), np.float32),
            nearest[200:, None],
            np.full((1, 1), np.inf, np.float32),
            np.arange(200) // 20,
            np.arange(1),
            np.arange(200) // 20,
        )
        low += copying_p(found, seed=1) <= 0.1
        alone = replace(found, units=np.arange(200), held_out_units=np.arange(200))
        naive += copying_p(alone, seed=1) <= 0.1
    assert low <= 13
    assert naive > 20


def test_a_patient_is_not_counted_for_each_of_its_images():
    """Ten patients of ten images, one of them all copies; and as many volumes of ten slices."""
    distance = np.where(np.arange(100) < 10, 0.1, 1.0)[:, None].astype(np.float32)
    held_out = np.linspace(0.5, 2, 100)[:, None].astype(np.float32)
    apart, tens = np.arange(100), np.arange(100) // 10
    found = NearestNeighbourDistances(
        distance,
        distance,
        held_out,
        np.full((1, 1), np.inf, np.float32),
        apart,
        np.arange(1),
        apart,
    )
    stacked = replace(found, units=tens, held_out_units=tens)
    assert stacked.share.value == found.share.value == 0.1
    assert (found.share.low, found.share.high) == pytest.approx((0.0490, 0.1762), abs=1e-4)
    # One volume of ten: the variance of its mean is 0.01, 11 times that of 100 images, which are
    # worth 100 / 11 then, and (t of 99 over t of 9 degrees)² = (1.984 / 2.262)² of that: 6.99.
    assert (stacked.share.low, stacked.share.high) == pytest.approx(
        exact_interval(0.699, 6.99), rel=1e-2
    )
    assert stacked.held_out_share.high > found.held_out_share.high
    assert stacked.certifiable.value == pytest.approx(1 - 0.025 ** (1 / 10))
    assert math.isnan(copying_p(replace(stacked, units=np.zeros(100, int))))


def test_what_is_kept_is_worked_out_once(monkeypatch):
    cache, calls = DistanceCache(), []

    def counted(images, pool):
        calls.append(len(images))
        return distances(images, pool)

    monkeypatch.setattr("evaluation.privacy.image_distance.distances", counted)
    first, again = (cache.keep(FRESH[:3], TRAIN[:2]) for _ in range(2))
    assert calls == [3]
    assert first is again


def test_distances_that_gating_worked_out_are_those_of_scoring(discs, monkeypatch):
    made, train, held_out = discs(6, seed=2), discs(5), discs(4, seed=1)
    cache, compared = DistanceCache(), []
    plain = NearestNeighbourDistances.of(made, train, held_out)

    def counted(images, pool):
        compared.append((len(images), len(pool)))
        return distances(images, pool)

    monkeypatch.setattr("evaluation.privacy.image_distance.distances", counted)
    pair_numbers(made, train, held_out, ["nearest_distance"], cache)
    found = NearestNeighbourDistances.of(made, train, held_out, cache=cache)
    assert compared == [(6, 5), (4, 5)]  # each once; what else scoring compares it does itself
    np.testing.assert_array_equal(found.to_train, plain.to_train)
    np.testing.assert_array_equal(found.held_out_to_train, plain.held_out_to_train)
    NearestNeighbourDistances.of(made, train, held_out, cache=cache)
    assert len(compared) == 4  # handed over once
    NearestNeighbourDistances.of(discs(3, seed=8), train, held_out, cache=cache)
    assert compared[4:] == [(3, 5), (4, 5)]
