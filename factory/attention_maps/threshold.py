"""From scores to labels: a threshold found anew for each map of each image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
GROUND, PEAK = 25, 99  # percentiles; not the extremes, which are the noise's


def heights(values: Floats) -> tuple[float, float]:
    """What a map shows off and on its structure: its 25th and 99th percentiles.

    Where these are equal, as for a structure of a few pixels or of nearly all, the extremes.
    """
    ground, peak = (float(p) for p in np.percentile(values, (GROUND, PEAK)))
    if peak > ground:
        return ground, peak
    return float(values.min()), float(values.max())


def margins(scores: Floats) -> Floats:
    """How far scores (K, H, W) lie above half the height of their map: 0 there, 1 at the peak.

    An edge keeps its place at half its height however much it is blurred, and attention is blurred
    by whole cells. Otsu's threshold, which looks for two equally compact groups instead, puts it
    far too low for structures that cover little of the image. The ground lies at -1, and so does
    a constant map.
    """
    result = np.full(scores.shape, -1, np.float32)
    for row, values in enumerate(scores):
        ground, peak = heights(values)
        if peak > ground:
            result[row] = (2 * values - ground - peak) / (peak - ground)
    return result


def decide(scores: Floats, level: float = 0) -> NDArray[np.uint8]:
    """(H, W) labels: 1 + the map that lies highest above its threshold, 0 where none does.

    Args:
        scores: (K, H, W), finite.
        level: margin that must be passed; above 0 is stricter, below 0 more generous.
    """
    above = margins(scores)
    best = above.argmax(axis=0)
    return np.where(above.max(axis=0) > level, best + 1, 0).astype(np.uint8)
