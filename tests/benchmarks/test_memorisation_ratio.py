"""Copies stand out in every figure of distinctness, and images of others do not."""

import numpy as np
import pytest

from benchmarks.generalist.memorisation_ratio import (
    caption_image_recall,
    distance_ratios,
    encoded_distances,
    perturbed_copies,
)
from evaluation.features.simclr_encoder import new_encoder
from evaluation.pairs import take
from evaluation.privacy.memorisation import NearestNeighbourDistances


def test_disguises_change_an_image_as_they_say():
    image = np.zeros((1, 32, 32, 1), np.uint8)
    image[0, 10, 20] = 128
    found = perturbed_copies(image)
    assert found["shifted"][0, 11, 21] == 128
    assert found["mirrored"][0, 10, 11] == 128
    assert found["gamma"].max() == round(255 * (128 / 255) ** 1.3)
    assert found["tilted"].argmax() != image.argmax()
    assert {each.shape for each in found.values()} == {image.shape}


def test_every_disguise_is_seen_through(discs):
    real, other = discs(40, size=64, seed=1), discs(20, size=64, seed=2)
    kinds = perturbed_copies(real.images[:3])
    copies = take(real, np.tile(np.arange(3), len(kinds)))
    copies.images[:] = np.concatenate(list(kinds.values()))
    found = NearestNeighbourDistances.of(
        copies, take(real, np.arange(12)), take(other, np.arange(4))
    )
    assert found.nearest.tolist() == [0, 1, 2] * len(kinds)


@pytest.mark.parametrize("embedding", ["pixels", "encoder"])
def test_ratios_are_small_for_copies_and_about_one_for_others(discs, embedding):
    real, other, third = (discs(30, size=64, seed=seed) for seed in (1, 2, 3))
    extra = {}
    if embedding == "encoder":
        extra = {"measure": encoded_distances(new_encoder(1, (), seed=0), real.images)}
    copies = distance_ratios(
        NearestNeighbourDistances.of(take(real, np.arange(10)), real, other, **extra)
    )
    others = distance_ratios(NearestNeighbourDistances.of(third, real, other, **extra))
    assert copies.max() < 0.2
    assert others.mean() == pytest.approx(1, abs=0.15)


def test_some_images_of_a_comparison_are_those_images(discs):
    real, other = discs(12, seed=1), discs(6, seed=2)
    found = NearestNeighbourDistances.of(other, real, discs(5, seed=3))
    np.testing.assert_array_equal(found.among(np.array([1, 4])).distance, found.distance[[1, 4]])


def test_a_caption_calls_up_its_image_or_does_not():
    groups = np.array(["a", "a", "a", "b"], object)
    # Of the first, both others of its group are farther; of the second, one of two; of the last
    # there is no other.
    to_train = np.array([[0, 1, 2, 0], [1, 2, 3, 0], [0, 0, 0, 9]], np.float32)
    found = caption_image_recall(to_train, np.array([0, 1, 3]), groups)
    np.testing.assert_array_equal(found, [1, 0.5, np.nan])
