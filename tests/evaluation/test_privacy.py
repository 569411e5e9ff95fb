import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from evaluation.privacy import SIDE, _averaging, local_contrast, near_copies


def scenes(count, seed, size=64):
    """Smooth random images that differ from one another as real ones do."""
    noise = np.random.default_rng(seed).normal(size=(count, size, size))
    smooth = gaussian_filter(noise, (0, 4, 4))
    smooth = 128 + 40 * smooth / smooth.std((1, 2), keepdims=True)
    return smooth.round().clip(0, 255).astype(np.uint8)[..., None]


TRAIN, HELD_OUT, FRESH = scenes(60, 0), scenes(100, 1), scenes(50, 2)


def disguised(images, how):
    grey = images.astype(float)
    return (
        {
            "same": grey,
            "shifted": np.roll(grey, (1, -2), (1, 2)),
            "darker": 255 * (grey / 255) ** 1.4,
            "contrast": 0.6 * grey + 40,
            "blurred": gaussian_filter(grey, (0, 1, 1, 0)),
            "noisy": grey + np.random.default_rng(0).normal(0, 5, grey.shape),
        }[how]
        .clip(0, 255)
        .round()
        .astype(np.uint8)
    )


@pytest.mark.parametrize("how", ["same", "shifted", "darker", "contrast", "blurred", "noisy"])
def test_a_disguised_training_image_is_caught_and_named(how):
    copies = disguised(TRAIN[:10], how)
    found = near_copies(np.concatenate([FRESH[:30], copies]), TRAIN, HELD_OUT)
    assert found.copied[30:].all()
    assert found.nearest[30:].tolist() == list(range(10))
    assert found.copied[:30].mean() <= 0.1
    assert found.share.value == found.copied.mean()


def test_the_threshold_is_the_1_percent_quantile_of_held_out_images():
    found = near_copies(FRESH, TRAIN, HELD_OUT)
    assert found.threshold == np.quantile(found.heldout_distance, 0.01)
    # One of a hundred lies below.
    assert found.heldout_share.value == 0.01
    assert found.heldout_share.n == 100
    assert found.share.n == 50


def test_distances_agree_with_a_plain_search():
    """One query against one image, through correlation over the nine by nine shifts."""
    query, pool = local_contrast(FRESH[:1])[0], local_contrast(TRAIN)
    middle = [image[2:-2, 2:-2].reshape(30, 2, 30, 2).mean((1, 3)).ravel() for image in pool]
    best = min(
        np.sqrt(2 - 2 * cosine(view, other))
        for dy in range(5)
        for dx in range(5)
        for view in [query[dy : dy + 60, dx : dx + 60].reshape(30, 2, 30, 2).mean((1, 3)).ravel()]
        for other in middle
    )
    found = near_copies(FRESH[:1], TRAIN, HELD_OUT)
    assert found.distance[0] == pytest.approx(best, abs=1e-4)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@settings(max_examples=15, deadline=None)
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
    assert near_copies(flat, TRAIN, HELD_OUT).distance == pytest.approx(1)
    assert near_copies(flat, flat, HELD_OUT).distance.tolist() == [0, 0]
    alone = near_copies(FRESH, TRAIN, HELD_OUT[:0])
    assert math.isnan(alone.threshold)
    assert math.isnan(alone.share.value)
    assert not alone.copied.any()
    none = near_copies(FRESH[:0], TRAIN, HELD_OUT)
    assert none.distance.shape == none.nearest.shape == (0,)
    with pytest.raises(ValueError, match="no training image"):
        near_copies(FRESH, TRAIN[:0], HELD_OUT)
