"""Is a synthetic image nearly a copy of a training image?

A bare distance says nothing, so the yardstick is real: images held out from training are also
near some training image, and only what is nearer than nearly all of those counts as a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.pairs import Images
from evaluation.spectrum import luminance
from evaluation.statistics import Estimate, wilson

Embedding = NDArray[np.float32]

SIDE = 64  # px of the normalised image; pairs of these are averaged in the embedding
SHIFT = 2  # of these px, in every direction: 4 px of a 128 px image, in steps of 2
NEIGHBOURHOOD = 6.0  # of these px, standard deviation of the local contrast window
CONTRAST = 4.0  # grey levels: noise in flat regions stays below this and is not blown up
QUANTILE = 0.01
CHUNK = 256


@dataclass(frozen=True, eq=False)
class NearCopies:
    """Which synthetic images are nearer to training data than held-out real images are.

    Attributes:
        distance: (N,) of each synthetic image to its nearest training image, in [0, 2].
        nearest: (N,) index of that training image.
        heldout_distance: (M,) the same of each held-out real image.
        threshold: the `QUANTILE` of the held-out distances, interpolated linearly between
            neighbours in rank; with fewer than 100 held-out images it lies between the two
            nearest of them. NaN where nothing was held out.
    """

    distance: NDArray[np.float64]
    nearest: NDArray[np.intp]
    heldout_distance: NDArray[np.float64]
    threshold: float

    @property
    def copied(self) -> NDArray[np.bool_]:
        """(N,) whether each synthetic image lies below the threshold."""
        return self.distance < self.threshold

    @property
    def share(self) -> Estimate:
        """Share of synthetic images below the threshold, with Wilson's interval."""
        return self._share(self.distance)

    @property
    def heldout_share(self) -> Estimate:
        """Share of held-out images below the threshold that they set: what no copying gives."""
        return self._share(self.heldout_distance)

    def _share(self, distance: NDArray[np.float64]) -> Estimate:
        if not np.isfinite(self.threshold):
            return Estimate(float("nan"), float("nan"), float("nan"), len(distance))
        return wilson(int((distance < self.threshold).sum()), len(distance))


def near_copies(synthetic: Images, train: Images, held_out: Images) -> NearCopies:
    """Searches the nearest training image of every synthetic and every held-out image.

    Args:
        synthetic: (N, H, W, C) uint8.
        train: (T, H, W, C) all images that the generator was trained on.
        held_out: (M, H, W, C) real images of other patients, without near-duplicates of train.

    Raises:
        ValueError: if there is no training image.
    """
    if not len(train):
        raise ValueError("there is no training image to search for copies of")
    pool = centre(local_contrast(train))
    distance, nearest = _nearest(synthetic, pool)
    heldout_distance, _ = _nearest(held_out, pool)
    threshold = float(np.quantile(heldout_distance, QUANTILE)) if len(held_out) else float("nan")
    return NearCopies(distance, nearest, heldout_distance, threshold)


def local_contrast(images: Images) -> Embedding:
    """(N, 64, 64) brightness, area-averaged, with its local mean and local spread taken out.

    Blind to brightness, contrast and mild gamma, so that a copy cannot hide behind them. A
    constant image becomes 0 everywhere.

    Source: Jarrett et al. 2009, ICCV, section 2.1 (local contrast normalisation).
    """
    grey = luminance(images)
    rows, columns = _averaging(grey.shape[1]), _averaging(grey.shape[2])
    small = rows @ grey @ columns.T
    sigma = (0, NEIGHBOURHOOD, NEIGHBOURHOOD)
    small = small - ndimage.gaussian_filter(small, sigma)
    spread = np.sqrt(ndimage.gaussian_filter(small**2, sigma))
    return (small / (spread + CONTRAST)).astype(np.float32)


def centre(embedded: Embedding) -> Embedding:
    """(N, 900) unit vectors of the part that stays in view under every shift, 30 x 30 px."""
    return _cropped(embedded, 0, 0)


def _nearest(images: Images, pool: Embedding) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    distances, indices = [np.zeros(0)], [np.zeros(0, np.intp)]
    for at in range(0, len(images), CHUNK):
        embedded = local_contrast(images[at : at + CHUNK])
        squared = np.min([_squared(embedded, pool, *shift) for shift in _shifts()], axis=0)
        indices.append(squared.argmin(1))
        distances.append(np.sqrt(squared.min(1).astype(np.float64)))
    return np.concatenate(distances), np.concatenate(indices)


def _squared(embedded: Embedding, pool: Embedding, rows: int, columns: int) -> Embedding:
    """(n, T) squared distances of unit (or zero) vectors, at least 0."""
    moved = _cropped(embedded, rows, columns)
    norms = (moved**2).sum(1)[:, None] + (pool**2).sum(1)[None]
    squared: Embedding = (norms - 2 * moved @ pool.T).clip(0)
    return squared


def _cropped(embedded: Embedding, rows: int, columns: int) -> Embedding:
    inner = SIDE - 2 * SHIFT
    top, left = SHIFT + rows, SHIFT + columns
    view = embedded[:, top : top + inner, left : left + inner]
    pooled = view.reshape(-1, inner // 2, 2, inner // 2, 2).mean((2, 4))
    flat = pooled.reshape(len(embedded), -1)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return (flat / np.where(norm > 0, norm, 1)).astype(np.float32)


def _shifts() -> list[tuple[int, int]]:
    steps = range(-SHIFT, SHIFT + 1)
    return list(product(steps, steps))


def _averaging(size: int) -> NDArray[np.float32]:
    """(64, size) matrix that averages a line of `size` pixels over 64 equal stretches of it."""
    edges = np.linspace(0, size, SIDE + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)[None]
    covered = (np.minimum(high, pixel + 1) - np.maximum(low, pixel)).clip(0)
    return (covered / covered.sum(1, keepdims=True)).astype(np.float32)
