"""Dense CRF: every pixel agrees on its label with all pixels near it in place and in brightness.

Source: Krähenbühl & Koltun 2011, NIPS, "Efficient inference in fully connected CRFs with Gaussian
edge potentials". Their permutohedral lattice is a plain bilateral grid here (Chen, Paris & Durand
2007, ACM TOG 26(3):103), which numpy and scipy are enough for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import convolve, gaussian_filter
from scipy.special import softmax

from factory.attention_maps.settings import CrfSection

Floats = NDArray[np.float32]
Filter = Callable[[Floats], Floats]  # (P, K) to (P, K): each pixel's weighted sum over all pixels

CELL = 0.75  # side of a grid cell in deviations of the kernel; 1 % off the exact sums
LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def crf_refine(
    probabilities: Floats, image: NDArray[np.uint8], section: CrfSection | None = None
) -> Floats:
    """Label probabilities after mean field inference.

    Args:
        probabilities: (K, H, W), of every label, the background's first; sums to 1 over K.
        image: (H, W), (H, W, 1) or (H, W, 3) uint8.
        section: weights and bandwidths; None: the defaults.

    Returns:
        (K, H, W) float32, sums to 1 over K. The sum over pixels is a grid's: on grey images labels
        equal the exact ones but for ties, on RGB in more than 99 of 100 pixels.

    Raises:
        ValueError: if image and probabilities differ in size.

    Source: algorithm 1 with the kernels of eq. 3 and a Potts model. As in the authors' own code the
    kernels are normalised symmetrically, and a pixel's own vote stays in the sum.
    """
    section = section or CrfSection()
    if probabilities.shape[1:] != image.shape[:2]:
        raise ValueError(
            f"probabilities {probabilities.shape} and image {image.shape} must be of one size: "
            "(K, H, W) beside (H, W) or (H, W, C)"
        )
    evidence = np.log(probabilities.clip(1e-6, 1)).reshape(len(probabilities), -1).T
    kernels = _kernels(image, section)
    belief = softmax(evidence, axis=1)
    for _ in range(section.iterations):
        votes = [weight * kernel(belief) for weight, kernel in kernels]
        belief = softmax(evidence + sum(votes), axis=1)
    return belief.T.reshape(probabilities.shape).astype(np.float32)


def one_hot_probabilities(labels: NDArray[np.uint8], count: int, confidence: float) -> Floats:
    """(count, H, W): each pixel's label (H, W) at `confidence`, the others share the rest."""
    rest = (1 - confidence) / max(1, count - 1)
    hot = np.arange(count)[:, None, None] == labels
    return np.where(hot, confidence if count > 1 else 1, rest).astype(np.float32)


def noise_deviation(image: NDArray[np.uint8]) -> float:
    """Standard deviation of the pixel noise in grey levels; the largest of the channels.

    The median of a Laplacian that straight edges and slopes cancel in: anatomy hardly counts.
    Source: Immerkær 1996, CVIU 64(2):300, with the median in place of the mean.
    """
    channels = np.atleast_3d(image).astype(np.float32)
    edges = [convolve(channels[..., c], LAPLACIAN) for c in range(channels.shape[2])]
    return max(float(np.median(np.abs(edge))) * 1.4826 / 6 for edge in edges)


def _kernels(image: NDArray[np.uint8], section: CrfSection) -> list[tuple[float, Filter]]:
    """(weight, filter) of smoothness and of appearance, both symmetrically normalised."""
    height, width = image.shape[:2]
    contrast = max(section.contrast, section.noise_factor * noise_deviation(image))
    features = np.concatenate(
        [
            np.indices((height, width)).reshape(2, -1).T / (section.reach * max(height, width)),
            image.reshape(height * width, -1) / contrast,
        ],
        axis=1,
    )

    def smooth(values: Floats) -> Floats:
        planes = values.reshape(height, width, -1)
        sigmas = (section.smooth_px, section.smooth_px, 0)
        return gaussian_filter(planes, sigmas, mode="constant").reshape(values.shape)

    count = height * width
    return [
        (section.smooth_weight, _normalised(smooth, count)),
        (section.weight, _normalised(BilateralGrid(features), count)),
    ]


def _normalised(kernel: Filter, count: int) -> Filter:
    # D^-1/2 K D^-1/2: pixels at borders and of rare colours get as loud a vote as any.
    scale = 1 / np.sqrt(kernel(np.ones((count, 1), np.float32)).clip(1e-12))
    return lambda values: scale * kernel(scale * values)


class BilateralGrid:
    """A Gaussian filter over points of a few dimensions: splat onto a grid, blur it, read back.

    The deviation is 1 in every dimension, so features are divided by theirs beforehand. The result
    is proportional to the exact sum, which is all that a normalised kernel needs.

    Args:
        features: (P, D), D = 3 for grey images, 5 for RGB.
    """

    def __init__(self, features: NDArray[np.float64]) -> None:
        place = (features - features.min(axis=0)) / CELL
        corner = np.floor(place).astype(np.int64)
        shape = tuple(int(n) for n in corner.max(axis=0) + 2)
        corners, weights = _corners(corner, place - corner, shape)
        # Where most cells are empty, as in five dimensions, the empty ones are left out.
        full = np.prod(shape, dtype=np.float64) <= 8 * len(features)
        cells = np.arange(int(np.prod(shape))) if full else np.unique(corners)
        rows = np.repeat(np.arange(len(features)), corners.shape[1])
        columns = np.searchsorted(cells, corners.ravel())
        size = (len(features), len(cells))
        self.read = sparse.csr_matrix((weights.ravel(), (rows, columns)), size, dtype=np.float32)
        self.splat = self.read.T.tocsr()
        self.blurs = [_blur(cells, shape, axis) for axis in range(len(shape))]

    def __call__(self, values: Floats) -> Floats:
        """Each point's weighted sum of the values (P, K) of all points, times a constant."""
        grid = self.splat @ values
        for blur in self.blurs:
            grid = blur @ grid
        return self.read @ grid


def _corners(
    corner: NDArray[np.int64], inside: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The 2^D cells around each point and its share in each, both (P, 2^D)."""
    numbers, shares = [], []
    for step in np.ndindex((2,) * len(shape)):
        numbers.append(np.ravel_multi_index((corner + step).T, shape))
        shares.append(np.where(np.array(step, bool), inside, 1 - inside).prod(axis=1))
    return np.stack(numbers, axis=1), np.stack(shares, axis=1)


def _taps() -> Iterator[tuple[int, float]]:
    """Offsets in cells along one axis, and their weights."""
    # Linear splatting and reading blur by 1/6 cell² each; this adds what is missing to 1.
    variance = 1 / CELL**2 - 1 / 3
    for offset in range(-4, 5):
        yield offset, float(np.exp(-(offset**2) / (2 * variance)))


def _blur(cells: NDArray[np.int64], shape: tuple[int, ...], axis: int) -> Any:  # noqa: ANN401  # scipy ships no types
    """Sparse (cells, cells): a Gaussian along one axis among the cells there are."""
    stride = int(np.prod(shape[axis + 1 :]))
    coordinate = cells // stride % shape[axis]
    blur = sparse.csr_matrix((len(cells), len(cells)), dtype=np.float32)
    for offset, weight in _taps():
        wanted = cells + offset * stride
        found = np.searchsorted(cells, wanted).clip(0, len(cells) - 1)
        there = (cells[found] == wanted) & (coordinate + offset >= 0)
        there &= coordinate + offset < shape[axis]
        entries = (np.full(there.sum(), weight), (np.flatnonzero(there), found[there]))
        blur = blur + sparse.csr_matrix(entries, blur.shape, dtype=np.float32)
    return blur
