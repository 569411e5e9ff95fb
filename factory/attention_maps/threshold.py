"""From scores to labels: a threshold found anew for each map of each image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LEVELS = 256


def otsu_threshold(values: Floats) -> float:
    """The threshold that parts a map into the two most compact groups.

    Args:
        values: of any shape, finite.

    Returns:
        A value within their range: the middle of the thresholds that are equally good. A constant
        map's own value, above which nothing lies.

    Source: Otsu 1979, IEEE Trans. SMC 9(1):62, on 256 levels of the map's own range.
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return high
    counts, edges = np.histogram(values, LEVELS, (low, high))
    centres = (edges[1:] + edges[:-1]) / 2
    below = counts.cumsum()[:-1].astype(float)
    above = counts.sum() - below
    mass = (counts * centres).cumsum()
    between = below * above * (mass[:-1] / below - (mass[-1] - mass[:-1]) / above) ** 2
    return float(edges[1:-1][np.isclose(between, between.max(), rtol=1e-9)].mean())


def margins(scores: Floats) -> Floats:
    """How far scores (K, H, W) lie above their map's threshold, 0 there and 1 at the peak.

    Maps of unlike contrast become comparable that way. A constant map lies below everywhere, -1.
    """
    result = np.full(scores.shape, -1, np.float32)
    for row, values in enumerate(scores):
        threshold, peak = otsu_threshold(values), float(values.max())
        if peak > threshold:
            result[row] = (values - threshold) / (peak - threshold)
    return result


def decide(scores: Floats, level: float = 0) -> NDArray[np.uint8]:
    """(H, W) labels: 1 + the map that lies highest above its threshold, 0 where none does.

    Args:
        scores: (K, H, W).
        level: margin that must be passed; above 0 is stricter, below 0 more generous.
    """
    above = margins(scores)
    best = above.argmax(axis=0)
    return np.where(above.max(axis=0) > level, best + 1, 0).astype(np.uint8)
