"""Are synthetic images distinct from the real ones they were learnt from? In any embedding.

Nearness alone says nothing: images of one kind resemble each other. So each figure has a value that
it takes where nothing was memorised, and it is read beside copies, which must stand out, and
beside images of other patients, which must not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.features.handcrafted import RobustScale
from evaluation.features.simclr_encoder import Encoder
from evaluation.fidelity.prdc import distances
from evaluation.pairs import Images
from evaluation.privacy.image_distance import Distances
from evaluation.privacy.memorisation import DRAWS, Measure, NearestNeighbourDistances, pool_of_units

Floats = NDArray[np.float64]

SHIFT = 1 / 32  # of the side
TILT = 7.0  # degrees
GAMMA = 1.3


def encoded_distances(encoder: Encoder, train: Images) -> Measure:
    """Distances between images as an encoder without classes sees them.

    Args:
        encoder: trained on images alone.
        train: (T, H, W, C) uint8, on which its features are scaled.
    """
    scale = RobustScale.fit(_features(encoder, train))

    def measure(images: Images, pool: Images) -> Distances:
        ours, theirs = (scale.apply(_features(encoder, each)) for each in (images, pool))
        return distances(ours, theirs).astype(np.float32)

    return measure


def _features(encoder: Encoder, images: Images) -> Floats:
    return encoder.groups(images, np.zeros(images.shape[:3], np.uint8))[encoder.name]


def distance_ratios(found: NearestNeighbourDistances, *, seed: int = 0) -> Floats:
    """(N,) distance to the nearest training image over that to the nearest held-out one.

    Both pools are of equal size, drawn 200 times as in `dcr_share`, and each distance is
    the mean over the draws: near 1 where nothing was memorised, 0 for copies. NaN without
    training or held-out images.
    """
    train, held = found.to_train, found.to_held_out
    if not train.size or not held.size:
        return np.full(len(train), np.nan)
    size, rng = min(train.shape[1], held.shape[1]), np.random.default_rng(seed)
    sums = np.zeros((2, len(train)))
    for _ in range(DRAWS):
        sums[0] += train[:, pool_of_units(found.train_units, size, rng)].min(1)
        sums[1] += held[:, pool_of_units(found.held_out_units, size, rng)].min(1)
    return np.asarray(sums[0] / np.maximum(sums[1], np.finfo(float).tiny))


def caption_image_recall(
    to_train: Distances, own: NDArray[np.intp], groups: NDArray[np.object_]
) -> Floats:
    """How often an image lies nearer to the training image whose caption it was drawn with.

    Of all other training images of the same group (finding) the share that is farther away, ties
    counting half: 0.5 on average where captions say no more than the group, 1 where one calls up
    the very image. Captions that say more, as a side, raise it without any memory.

    Args:
        to_train: (N, T) distances of synthetic to training images.
        own: (N,) index of the training image whose caption each was drawn with.
        groups: (T,) group of each training image.

    Returns:
        (N,) shares; NaN where a training image is the only one of its group.
    """
    shares = np.full(len(own), np.nan)
    for number, (row, at) in enumerate(zip(to_train, own, strict=True)):
        others = groups == groups[at]
        others[at] = False
        if others.any():
            rest = row[others]
            shares[number] = (rest > row[at]).mean() + 0.5 * (rest == row[at]).mean()
    return shares


def perturbed_copies(images: Images) -> Mapping[str, Images]:
    """Copies of images, each kind changed in one way, by name.

    Args:
        images: (N, H, W, C) uint8.

    Returns:
        Each (N, H, W, C) uint8: `shifted` by 1/32 of the side along both axes, `tilted` by 7
        degrees, with another `gamma` (1.3), `mirrored` left to right. The border is continued.
    """
    by = max(1, round(SHIFT * images.shape[1]))
    padded = np.pad(images, ((0, 0), (by, 0), (by, 0), (0, 0)), mode="edge")
    tilted = ndimage.rotate(images, TILT, axes=(1, 2), reshape=False, order=1, mode="nearest")
    return {
        "shifted": padded[:, : images.shape[1], : images.shape[2]],
        "tilted": tilted,
        "gamma": (255 * (images / 255.0) ** GAMMA).round().astype(np.uint8),
        "mirrored": images[:, :, ::-1],
    }
