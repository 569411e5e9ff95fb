"""Discs: the smallest pairs that have something to agree about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from evaluation.pairs import Block

Discs = Callable[..., Block]


def draw_discs(
    count: int,
    *,
    size: int = 48,
    seed: int = 0,
    classes: int = 1,
    domain: str = "discs",
    channels: int = 1,
) -> Block:
    """Bright discs on noise, one per class side by side, at random places and radii."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    images = rng.normal(80, 10, (count, size, size, channels))
    masks = np.zeros((count, size, size), np.uint8)
    for index in range(classes):
        middle = np.array([size / 2, (index + 0.5) * size / classes])
        centres = middle + rng.uniform(-4, 4, (count, 2))
        radii = rng.uniform(0.6, 1.0, count) * size / (4 * classes)
        inside = (
            np.hypot(y[None] - centres[:, :1, None], x[None] - centres[:, 1:, None])
            < radii[:, None, None]
        )
        masks[inside] = index + 1
        images[inside] += 70 + 30 * index
    facets = pd.DataFrame(
        {"domain": domain, "patient": [f"p{n}" for n in range(count)], "finding": "round"}
    )
    return Block(
        images.round().clip(0, 255).astype(np.uint8),
        masks,
        facets,
        np.full((count, 2), np.nan, np.float32),
        np.ones(count, bool),
    )


@pytest.fixture(scope="session")
def discs() -> Discs:
    return draw_discs
