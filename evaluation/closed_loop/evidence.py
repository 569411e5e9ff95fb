"""What is believed of each facet: how far the downstream model errs there, how far pairs are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNIFORM_VARIANCE = 1 / 12  # of a number in [0, 1] of which nothing is known


@dataclass(frozen=True)
class Belief:
    """What is believed of a number in [0, 1]: a normal distribution, cut at both ends.

    Attributes:
        mean: of it.
        spread: standard deviation.
        n: independent observations behind it.
    """

    mean: float
    spread: float
    n: int

    @staticmethod
    def of(values: ArrayLike, units: Sequence[int] | NDArray[np.intp] | None = None) -> Belief:
        """The mean of (N,) values, which may be of the same units; NaN counts for nothing.

        To the observed units one is added that is known to lie in [0, 1] alone, so that few units
        leave a wide belief, and none the widest.
        """
        seen = np.asarray(values, np.float64)
        code = np.arange(len(seen)) if units is None else np.unique(units, return_inverse=True)[1]
        code, seen = code[np.isfinite(seen)], seen[np.isfinite(seen)]
        kept = np.unique(code, return_inverse=True)[1]
        means = np.bincount(kept, seen) / np.bincount(kept)
        count = len(means)
        squares = float(((means - means.mean()) ** 2).sum()) if count else 0.0
        variance = (squares + UNIFORM_VARIANCE) / (count + 1)
        mean = (float(means.sum()) + 0.5) / (count + 1)
        return Belief(mean, float(np.sqrt(variance / (count + 1) if count else variance)), count)

    def drawn(self, rng: np.random.Generator) -> float:
        """A number that may be the true one."""
        return float(np.clip(rng.normal(self.mean, self.spread), 0, 1))


@dataclass(frozen=True)
class FacetEvidence:
    """What speaks for and against further pairs of a facet.

    Attributes:
        facet: its name.
        cost: pairs that one further prompt of each of its combinations comes to.
        real: real images of it that the downstream model learns from, on average over seeds.
        pairs: accepted pairs of it.
        accepted: share of its pairs that were accepted when made.
        error: 1 - Dice of the downstream model on held-out real images of it.
        trust: Dice of judge and mask on its pairs, as a share of that on real images, at most 1.
    """

    facet: str
    cost: int
    real: float
    pairs: int
    accepted: float
    error: Belief
    trust: Belief

    def worth(self, rng: np.random.Generator, granted: int = 0) -> float:
        """What one more pair may be worth here, in units that are the same for all facets.

        Errors fall as a power of the number of examples, a n^-b (Hestness et al. 2017, arXiv
        1712.00409), so that one more lowers them by b error / n. A pair counts as an example so far
        as it is trusted. Error and trust are drawn from what is believed of them.

        Args:
            rng: draws.
            granted: pairs of it that are decided on already.
        """
        error, trust = self.error.drawn(rng), self.trust.drawn(rng)
        examples = 1 + self.real + trust * (self.pairs + self.accepted * granted)
        return error * trust * self.accepted / examples
