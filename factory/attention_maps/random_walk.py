"""Scores that spread among places which belong together: affinities, and random walks on them.

Source: Ahn & Kwak 2018, CVPR, "Learning pixel-level semantic affinity with image-level supervision
for weakly supervised semantic segmentation". Which places belong together is said by the image
network's self-attention, or by an `AffinityNet` (its own file).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
# Row-stochastic (hw, hw): a scipy.sparse matrix, or a dense one from self-attention.
Transition = Any
Cut = tuple[slice, slice]

IGNORE = 255  # in confident labels: nobody knows


def confident_labels(strict: NDArray[np.uint8], generous: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What two masks of one image agree on, enough to learn from.

    Args:
        strict: class indices where even a high threshold finds them, of any shape.
        generous: class indices where a low threshold does.

    Returns:
        The class where both name it, 0 where even the generous mask names none, else 255.

    Source: the confident areas of Ahn & Kwak 2018, that of a quarrel between classes left out.
    """
    return np.where(strict == generous, strict, np.uint8(IGNORE)).astype(np.uint8)


def half_disc(radius: int) -> list[tuple[int, int]]:
    """Offsets (dy, dx) nearer than `radius`, one of each opposite pair; 34 for radius 5."""
    return [
        (dy, dx)
        for dy in range(radius)
        for dx in range(-radius + 1, radius)
        if 0 < dy * dy + dx * dx < radius * radius and (dy > 0 or dx > 0)
    ]


def neighbours(height: int, width: int, radius: int) -> Iterator[tuple[Cut, Cut]]:
    """Pairs of windows: a grid cut by the first lies `half_disc` offset from one cut by the second.

    Every unordered pair of cells nearer than `radius` stands at one place of one pair of windows.
    """
    for dy, dx in half_disc(radius):
        if dy < height and abs(dx) < width:
            rows = slice(0, height - dy), slice(dy, height)
            right, left = (
                slice(max(0, dx), width + min(0, dx)),
                slice(max(0, -dx), width - max(0, dx)),
            )
            yield (rows[0], left), (rows[1], right)


def affinity_matrix(features: Floats, radius: int, beta: float) -> sparse.csr_matrix:
    """How much neighbouring cells belong together.

    Args:
        features: (C, h, w); cells with equal ones belong together fully.
        radius: cells nearer than this are neighbours.
        beta: power that sharpens.

    Returns:
        Sparse symmetric (hw, hw): exp(-|f_i - f_j|_1)^beta for neighbours, 1 on the diagonal.

    Source: W of Ahn & Kwak 2018, raised element by element to beta.
    """
    height, width = features.shape[1:]
    number = np.arange(height * width).reshape(height, width)
    entries = [
        (number[a].ravel(), number[b].ravel(), _alike(features, a, b) ** beta)
        for a, b in neighbours(height, width, radius)
    ]
    size = (height * width, height * width)
    one = sparse.identity(height * width, np.float32, format="csr")
    if not entries:
        return one
    rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    half = sparse.csr_matrix((values, (rows, columns)), size, dtype=np.float32)
    return (half + half.T + one).tocsr()


def _alike(features: Floats, a: Cut, b: Cut) -> Floats:
    return np.exp(-np.abs(features[:, *a] - features[:, *b]).sum(axis=0)).ravel()


def transition(affinities: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each row divided by its sum: where a walk goes next: T = D^-1 W of Ahn & Kwak 2018."""
    return sparse.diags(1 / np.asarray(affinities.sum(axis=1)).ravel()) @ affinities


def random_walk(scores: Floats, step: Transition, steps: int) -> Floats:
    """Scores after a walk: each place takes the mean of those that its steps lead to.

    Args:
        scores: (K, h, w), K classes that walk independently.
        step: row-stochastic (hw, hw), sparse or dense.
        steps: how many; 0 returns the scores.

    Returns:
        (K, h, w) float32, within the range of each class's scores. A constant map stays so.

    Raises:
        ValueError: if the scores do not have as many places as the matrix.

    Source: T^t of Ahn & Kwak 2018, a dense matrix that is never formed here.
    """
    count, height, width = scores.shape
    if step.shape != (height * width,) * 2:
        raise ValueError(f"scores {scores.shape} walk by a matrix of h*w rows, not {step.shape}")
    values = scores.reshape(count, -1).T
    for _ in range(steps):
        values = step @ values
    return np.asarray(values.T.reshape(scores.shape), np.float32)
