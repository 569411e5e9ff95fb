"""How much alike two images are, whatever was done to brightness, place, tilt or side of one."""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

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
        content = _content(images, pool)
        if content not in self._kept:
            self._kept[content] = distances(images, pool)
        return self._kept[content]

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
    # A mirrored image lies as far from one of the pool as it lies itself from that one mirrored.
    both = np.concatenate([targets, _mirrored(targets)])
    found = np.zeros((len(images), len(pool)), np.float32)
    for at in range(0, len(images), CHUNK):
        part = slice(at, at + CHUNK)
        nearest = _nearest_views(local_contrast(images[part]), both)
        found[part] = np.sqrt(np.minimum(nearest[: len(pool)], nearest[len(pool) :])).T
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
        small -= _blurred(small)
        contrast = np.sqrt(_blurred(small**2)) + CONTRAST
        parts.append((small / contrast).astype(np.float32, copy=False))
    return np.concatenate(parts)


def centre(embedded: Embedding) -> Embedding:
    """(N, 900) unit vectors of the part that stays in view under every shift, 30 x 30 px."""
    view, norm = _view(_pooling(0.0) @ _in_columns(embedded), 0, 0)
    return np.ascontiguousarray((view / norm).T)


def _nearest_views(embedded: Embedding, targets: Embedding) -> Embedding:
    """(T, n) squared distance of the nearest of 5 tilts x 9 shifts of each image to each target."""
    columns = _in_columns(embedded)
    nearest = np.full((len(targets), len(embedded)), np.inf, np.float32)
    for tilt in TILTS:
        pooled = _pooling(tilt) @ columns
        for rows, across in product((-1, 0, 1), repeat=2):
            view, norm = _view(pooled, rows, across)
            # |v - t|² = |v|² + |t|² - 2 v·t, where v has length 1, or 0 if nothing is in view.
            apart = targets @ view
            apart *= -2 / norm
            apart += np.isfinite(norm)
            np.minimum(nearest, apart, out=nearest)
    nearest += (targets**2).sum(1)[:, None]
    return nearest.clip(0, out=nearest)


def _in_columns(embedded: Embedding) -> Embedding:
    """(4096, n): pixels of each image in a column, as a matrix of weights takes them."""
    return np.ascontiguousarray(embedded.reshape(len(embedded), SIDE * SIDE).T)


def _mirrored(targets: Embedding) -> Embedding:
    square = targets.reshape(-1, INNER, INNER)
    return np.ascontiguousarray(square[:, :, ::-1]).reshape(targets.shape)


def _view(pooled: Embedding, rows: int, across: int) -> tuple[Embedding, Embedding]:
    """(900, n) of (1024, n) that a shift leaves in view, and what makes each of length 1.

    That is its length (n,); infinity where nothing is in view, which then is of length 0.
    """
    edge = (POOLED - INNER) // 2
    top, left = edge + rows, edge + across
    grid = pooled.reshape(POOLED, POOLED, pooled.shape[1])
    view = grid[top : top + INNER, left : left + INNER].reshape(INNER * INNER, pooled.shape[1])
    norm = np.sqrt(np.einsum("ij,ij->j", view, view))
    return view, np.where(norm > 0, norm, np.float32(np.inf))


@cache
def _pooling(degrees: float) -> sparse.csr_array:
    """(1024, 4096) that turns an image, between pixels linearly, and takes means of 2 x 2 px.

    Beyond an edge lies the edge, as in `scipy.ndimage.rotate` with order 1 and mode "nearest".
    """
    place = np.indices((SIDE, SIDE)).reshape(2, -1) - (SIDE - 1) / 2
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    read = np.array([[cos, sin], [-sin, cos]]) @ place + (SIDE - 1) / 2
    read = read.clip(0, SIDE - 1)
    low = np.minimum(read.astype(int), SIDE - 2)
    share = read - low
    row, column = np.indices((SIDE, SIDE)).reshape(2, -1) // 2
    parts = [
        sparse.coo_array(
            (
                np.abs(1 - down - share[0]) * np.abs(1 - right - share[1]) / 4,
                (row * POOLED + column, (low[0] + down) * SIDE + low[1] + right),
            ),
            (POOLED**2, SIDE**2),
        )
        for down, right in product((0, 1), repeat=2)
    ]
    return sparse.csr_array(sum(parts[1:], parts[0]), dtype=np.float32)


def _blurred(small: NDArray[np.floating]) -> Embedding:
    """(N, 64, 64) means about each pixel, a Gaussian of 6 px wide; of a constant image itself."""
    # In double precision, so that what is left of a constant image is rounded to nothing.
    return (_blurring() @ small.astype(np.float64) @ _blurring().T).astype(np.float32)


@cache
def _blurring() -> NDArray[np.float64]:
    """(64, 64) matrix that blurs a line of pixels, which is reflected at both ends."""
    return np.asarray(ndimage.gaussian_filter1d(np.eye(SIDE), NEIGHBOURHOOD, axis=0))


def _averaging(size: int) -> NDArray[np.float32]:
    """(64, size) matrix that averages a line of `size` pixels over 64 equal stretches of it."""
    edges = np.linspace(0, size, SIDE + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)[None]
    covered = (np.minimum(high, pixel + 1) - np.maximum(low, pixel)).clip(0)
    return (covered / covered.sum(1, keepdims=True)).astype(np.float32)
