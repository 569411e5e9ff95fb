"""Scores of images and of masks, beside the libraries that also compute them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from monai.metrics import (
    DiceHelper,
    MultiScaleSSIMMetric,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.speed.contest import Contest, Work, largest
from evaluation.agreement.surface_distance import surfaces
from evaluation.dice import overlaps
from evaluation.fidelity.ms_ssim import WEIGHTS, pairwise_ms_ssim
from evaluation.pairs import Images, Masks
from evaluation.privacy.image_distance import TILTS, distances, local_contrast
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.phantom import PhantomSource

Floats = NDArray[np.float64]
SIDE = 128
TOLERANCE_MM = 2.0
PAIRS = 100  # of images, and of masks


def contests() -> Iterator[tuple[str, Contest]]:
    """All of them, by name."""
    yield from _of_images()
    yield from _of_masks()


def _of_images() -> Iterator[tuple[str, Contest]]:
    images, pool = (chest(count, seed).images for count, seed in ((256, 0), (256, 1)))
    pairs = pairwise_ms_ssim(images, pairs=PAIRS, seed=0)
    metric = MultiScaleSSIMMetric(
        spatial_dims=2, data_range=255.0, kernel_size=7, weights=WEIGHTS, reduction="none"
    )
    first, second = (
        torch.from_numpy(images[each][..., 0]).float()[:, None]
        for each in (pairs.first, pairs.second)
    )
    yield (
        "ms_ssim",
        Contest(
            f"MS-SSIM of {PAIRS} pairs of {SIDE} x {SIDE}",
            "MONAI",
            lambda: pairwise_ms_ssim(images, pairs=PAIRS, seed=0).values,
            lambda: metric(first, second)[:, 0].double().numpy(),
            apart=largest,
        ),
    )
    # 2 sides x 5 tilts x 9 shifts of each, against vectors of 30 x 30.
    yield (
        "copies",
        Contest(
            f"{len(images)} images searched for copies of {len(pool)}, each in 90 disguises",
            "each disguise drawn and compared",
            lambda: distances(images, pool),
            lambda: plain_distances(images, pool),
            2,
            Work(90 * 2 * len(images) * len(pool) * 900 / 1e9),
            largest,
        ),
    )


def chest(count: int, seed: int) -> PairBatch:
    """Phantoms of chest X-rays."""
    source = PhantomSource(domains=("phantom-chest-xray",), train=count, seed=seed).build()
    return source.read("train", ImageSection(size=SIDE))


def plain_distances(images: Images, pool: Images) -> NDArray[np.float32]:
    """(N, T) distances as they are defined, one disguise after the other, by SciPy's rotation."""
    embedded, targets = local_contrast(images), _seen(local_contrast(pool), 0, 0)
    nearest = np.full((len(images), len(pool)), np.inf, np.float32)
    for side, tilt in product((embedded, embedded[:, :, ::-1]), TILTS):
        turned = ndimage.rotate(side, tilt, axes=(1, 2), reshape=False, order=1, mode="nearest")
        for rows, columns in product((-1, 0, 1), repeat=2):
            view = _seen(turned, rows, columns)
            np.minimum(nearest, 2 - 2 * view @ targets.T, out=nearest)
    return np.sqrt(nearest.clip(0))


def _seen(turned: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    pooled = turned.reshape(-1, 32, 2, 32, 2).mean((2, 4))
    view = pooled[:, 1 + rows : 31 + rows, 1 + columns : 31 + columns].reshape(len(turned), -1)
    return np.asarray(view / np.linalg.norm(view, axis=1, keepdims=True))


def _of_masks() -> Iterator[tuple[str, Contest]]:
    masks, guesses = blobs(PAIRS)
    truth, guess = (torch.from_numpy(np.eye(3)[m]).permute(0, 3, 1, 2) for m in (masks, guesses))
    spacing = np.full((len(masks), 2), 0.7, np.float32)
    dice = DiceHelper(include_background=False, softmax=False, reduction="none")
    yield (
        "dice",
        Contest(
            f"Dice of {len(masks)} masks of {SIDE} x {SIDE}, two classes",
            "MONAI",
            lambda: overlaps(guesses, masks, 2).dice,
            lambda: dice(guess, truth)[0].numpy(),
            apart=largest,
        ),
    )

    def ours() -> Floats:
        found = surfaces(guesses, masks, 2, spacing, TOLERANCE_MM)
        return np.stack([found.hd95, found.nsd])

    def theirs() -> Floats:
        spaced = float(spacing[0, 0])
        far = compute_hausdorff_distance(guess, truth, percentile=95, spacing=spaced)
        near = compute_surface_dice(guess, truth, [TOLERANCE_MM] * 2, spacing=spaced)
        return np.stack([far.numpy(), near.numpy()])

    task = f"HD95 and surface Dice of {len(masks)} masks of {SIDE} x {SIDE}, two classes"
    yield "surfaces", Contest(task, "MONAI", ours, theirs, apart=largest)


def blobs(count: int) -> tuple[Masks, Masks]:
    """Masks of two classes, and predictions that are a little off."""
    rng, y, x = np.random.default_rng(0), *np.mgrid[:SIDE, :SIDE]
    masks, guesses = np.zeros((2, count, SIDE, SIDE), np.uint8)
    for case, index in product(range(count), (1, 2)):
        # One to the left, one to the right: neither hides the other.
        centre = rng.uniform(24, 40, 2) + np.array([30, 54 * (index - 1)])
        radius = rng.uniform(10, 20)
        for target, off in ((masks, 0.0), (guesses, rng.normal(0, 3))):
            target[case][np.hypot(y - centre[0] - off, x - centre[1]) < radius] = index
    return masks, guesses
