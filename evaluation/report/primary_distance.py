"""Which of two kinds of distance to read first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from evaluation.metrics.registry import Score

PAIRS_PER_DIMENSION = 5


def leading_distance(n: int, dimensions: int) -> Literal["kernel", "frechet"]:
    """The Fréchet distance from five pairs per dimension upward, the kernel distance below.

    With fewer pairs the bias of a Fréchet distance is as large as the differences it should show;
    the kernel distance has none.

    Args:
        n: pairs of the set that is scored.
        dimensions: of the features.
    """
    return "frechet" if n >= PAIRS_PER_DIMENSION * dimensions else "kernel"


def leading_sentence(scores: Sequence[Score], metric: str = "frechet_handcrafted") -> str:
    """Which distance leads in a version, and by what; "" where no domain's distance tells.

    Features and pairs are counted by domain: the Fréchet distance leads where it does so in all.
    """
    found = [
        (score.n, int(score.parameters["dimensions"]))
        for score in scores
        if score.metric == metric
        and score.whole
        and {"domain", "dimensions"} <= {*score.parameters}
    ]
    if not found:
        return ""
    n, dimensions = min(found, key=lambda counts: counts[0] / counts[1])
    counts = f"{n} pairs of {dimensions} features"
    if leading_distance(n, dimensions) == "frechet":
        return f"With {counts} at the fewest, five per feature or more, the Fréchet distance leads."
    return f"With {counts} at the fewest, below five per feature, the kernel distance leads."
