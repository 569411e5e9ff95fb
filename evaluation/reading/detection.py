"""Do readers tell synthetic images from real ones? Accuracy, d' and bias of a forced choice.

The signal is a synthetic image: a hit is one that was called synthetic, a false alarm a real one
that was. d' is 0 for a reader who cannot tell, whatever he prefers to say; accuracy is 1/2 then
only where both kinds are shown equally often.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.bootstrap import Estimate, Units, difference
from evaluation.statistics.exact_share import exact_share

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """How often synthetic and real images were called what."""

    synthetic_as_synthetic: int
    synthetic_as_real: int
    real_as_synthetic: int
    real_as_real: int


@dataclass(frozen=True)
class Detection:
    """What some answers to a forced choice come to.

    Attributes:
        accuracy: share of right answers; 0.5 by chance where half of the images are real.
        d_prime: distance of the two kinds in standard deviations, 0 by chance; a bound is infinite
            where no answer speaks against one, NaN all through where only one kind was shown.
        criterion: 0 without preference, above 0 where "real" is said more readily.
        confusion: the counts behind them.
    """

    accuracy: Estimate
    d_prime: Estimate
    criterion: float
    confusion: Confusion


def detection(synthetic: Flags, called_synthetic: Flags, units: Units | None = None) -> Detection:
    """Accuracy and d' of (N,) answers, over units.

    Args:
        synthetic: (N,) what the image is.
        called_synthetic: (N,) what the reader said.
        units: (N,) image or patient; answers of several readers to one image share it.

    Source: Hautus 1995, Behavior Research Methods 27:46 (log-linear correction); the interval is
    that of a difference (MOVER) of the exact intervals of both rates on the normal scale.
    """
    at = np.arange(len(synthetic)) if units is None else np.asarray(units)
    hits = _normal_rate(called_synthetic[synthetic], at[synthetic])
    alarms = _normal_rate(called_synthetic[~synthetic], at[~synthetic])
    return Detection(
        exact_share(synthetic == called_synthetic, at),
        difference(hits, alarms),
        -(hits.value + alarms.value) / 2,
        Confusion(
            int((synthetic & called_synthetic).sum()),
            int((synthetic & ~called_synthetic).sum()),
            int((~synthetic & called_synthetic).sum()),
            int((~synthetic & ~called_synthetic).sum()),
        ),
    )


def _normal_rate(called: Flags, units: Units) -> Estimate:
    """A rate as a quantile of the normal distribution, corrected so that it is finite."""
    share, normal = exact_share(called, units), NormalDist()
    if not share.n:
        return share
    value = normal.inv_cdf((float(called.sum()) + 0.5) / (share.n + 1))
    low, high = (_quantile(bound) for bound in (share.low, share.high))
    return Estimate(value, low, high, share.n)


def _quantile(share: float) -> float:
    if share in (0.0, 1.0):
        return float("inf") if share else float("-inf")
    return NormalDist().inv_cdf(share) if np.isfinite(share) else share
