"""How much alike two images are, whatever was done to brightness, place, tilt or side of one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.features.spectrum import luminance
from evaluation.pairs import Images

Embedding = NDArray[np.float32]
Distances = NDArray[np.float32]

SIDE = 64  # px of the normalised image
POOLED = 32  # px of the embedding, each the mean of 2 x 2 of those
INNER = 30  # of these stay in view when it moves by one: by 4 px of an image of 128
TILTS = (-10.0, -5.0, 0.0, 5.0, 10.0)  # degrees: a tilted copy lies within 2.5 of one of them
NEIGHBOURHOOD = 6.0  # of these px, standard deviation of the local contrast window
CONTRAST = 4.0  # grey levels: noise in flat regions stays below this and is not blown up
CHUNK = 256


class DistanceCache:
    """Distances that one part of a run works out and another needs again, by the images' content.

    A matrix is handed over once, so that none is held for longer than it is of use. Only the very
    same images share one: matrix products round by what they are multiplied with.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Distances] = {}

    def keep(self, images: Images, pool: Images) -> Distances:
        """`distances`, kept for whoever takes them."""
        return self._kept.setdefault(_content(images, pool), distances(images, pool))

    def take(self, images: Images, pool: Images) -> Distances:
        """`distances`; those that were kept, if these images were compared before."""
        kept = self._kept.pop(_content(images, pool), None)
        return distances(images, pool) if kept is None else kept


def _content(*sets: Images) -> str:
    sha = hashlib.sha256()
    for images in sets:
        sha.update(str(images.shape).encode())
        sha.update(np.ascontiguousarray(images).data)
    return sha.hexdigest()


def distances(images: Images, pool: Images) -> Distances:
    """(N, T) distances in [0, 2] of images to all of a pool, each as its nearest view.

    An image is compared as it is and mirrored left to right, tilted by up to 10 degrees, moved
    by up to 1/32 of the side. Two images that share nothing lie about √2 apart, two constant
    ones 0.

    Args:
        images: (N, H, W, C) uint8.
        pool: (T, H', W', C') uint8.
    """
    targets = centre(local_contrast(pool))
    found = np.zeros((len(images), len(pool)), np.float32)
    for at in range(0, len(images), CHUNK):
        part = slice(at, at + CHUNK)
        squared = np.full((len(images[part]), len(pool)), np.inf, np.float32)
        for view in _perturbations(local_contrast(images[part])):
            np.minimum(squared, _squared(view, targets), out=squared)
        found[part] = np.sqrt(squared)
    return found


def local_contrast(images: Images) -> Embedding:
    """(N, 64, 64) brightness, area-averaged, with its local mean and local spread taken out.

    Blind to brightness, contrast and mild gamma, so that a copy cannot hide behind them. A
    constant image becomes 0 everywhere.

    Source: Jarrett et al. 2009, ICCV, section 2.1 (local contrast normalisation).
    """
    parts = [np.zeros((0, SIDE, SIDE), np.float32)]
    for at in range(0, len(images), CHUNK):
        grey = luminance(images[at : at + CHUNK])
        small = _averaging(grey.shape[1]) @ grey @ _averaging(grey.shape[2]).T
        sigma = (0, NEIGHBOURHOOD, NEIGHBOURHOOD)
        small = small - ndimage.gaussian_filter(small, sigma)
        spread = np.sqrt(ndimage.gaussian_filter(small**2, sigma))
        parts.append((small / (spread + CONTRAST)).astype(np.float32))
    return np.concatenate(parts)


def centre(embedded: Embedding) -> Embedding:
    """(N, 900) unit vectors of the part that stays in view under every shift, 30 x 30 px."""
    return _view(_pooled(embedded), 0, 0)


def _perturbations(embedded: Embedding) -> Iterator[Embedding]:
    """(n, 900) unit vectors of each way to see the images: 2 sides x 5 tilts x 9 shifts."""
    for side, tilt in product((embedded, embedded[:, :, ::-1]), TILTS):
        pooled = _pooled(_tilted(side, tilt))
        for rows, columns in product((-1, 0, 1), repeat=2):
            yield _view(pooled, rows, columns)


def _tilted(embedded: Embedding, degrees: float) -> Embedding:
    if not degrees:
        return embedded
    turned = ndimage.rotate(embedded, degrees, axes=(1, 2), reshape=False, order=1, mode="nearest")
    return np.asarray(turned, np.float32)


def _pooled(embedded: Embedding) -> Embedding:
    """(n, 32, 32) means of 2 x 2 px."""
    return embedded.reshape(-1, POOLED, 2, POOLED, 2).mean((2, 4))


def _view(pooled: Embedding, rows: int, columns: int) -> Embedding:
    edge = (POOLED - INNER) // 2
    top, left = edge + rows, edge + columns
    view = pooled[:, top : top + INNER, left : left + INNER]
    flat = view.reshape(len(pooled), INNER * INNER)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return (flat / np.where(norm > 0, norm, 1)).astype(np.float32)


def _squared(view: Embedding, targets: Embedding) -> Embedding:
    """(n, T) squared distances of unit (or zero) vectors, at least 0."""
    norms = (view**2).sum(1)[:, None] + (targets**2).sum(1)[None]
    squared: Embedding = (norms - 2 * view @ targets.T).clip(0)
    return squared


def _averaging(size: int) -> NDArray[np.float32]:
    """(64, size) matrix that averages a line of `size` pixels over 64 equal stretches of it."""
    edges = np.linspace(0, size, SIDE + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)[None]
    covered = (np.minimum(high, pixel + 1) - np.maximum(low, pixel)).clip(0)
    return (covered / covered.sum(1, keepdims=True)).astype(np.float32)
