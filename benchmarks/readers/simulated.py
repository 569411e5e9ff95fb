"""Readers whose skill is known: always right, always wrong, at chance, and one who sees a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.faults.alarms import phantoms
from benchmarks.faults.planting import gridded
from evaluation.fidelity.grid import CELLS, grid_excesses
from evaluation.reading.answers import Answers

DOMAIN, POOL = "phantom-breast-us", 200  # images of each kind
GRIDDED = 0.6  # share of synthetic images that a generator left a grid in
LINES = 2 * CELLS.index(8)  # among the patterns that are looked for: lines every 8 px
FALSE_ALARMS = 0.05  # share of real images in which the reader thinks to see one
LAPSES = 0.05  # share of answers that are the other one, by slip of a finger
GRADES = np.arange(1, 6)
READERS, IMAGES = 3, 60

Floats = NDArray[np.float64]
Truth = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Population:
    """Images that readings are drawn from, half of each reading real.

    Attributes:
        synthetic: (N,) chance that a reader calls each synthetic image synthetic.
        real: likewise of each real image.
    """

    synthetic: Floats
    real: Floats

    def truth(self) -> Truth:
        """What a reading estimates: accuracy, d', Fleiss' kappa and Krippendorff's alpha."""
        hits, alarms = self.synthetic.mean(), self.real.mean()
        called = np.concatenate([self.synthetic, self.real])
        share = called.mean()
        alike, chance = (called**2 + (1 - called) ** 2).mean(), share**2 + (1 - share) ** 2
        kappa = (alike - chance) / (1 - chance)
        return {
            "accuracy": (hits + 1 - alarms) / 2,
            "d_prime": _normal(hits) - _normal(alarms),
            "kappa": kappa,
            "alpha": kappa,
            "grade_difference": 0.0,
        }

    def reading(self, draw: np.random.Generator) -> Answers:
        """Answers of three readers to sixty images, who agree only as far as they see the same."""
        half = IMAGES // 2
        chance = np.concatenate([draw.choice(side, half) for side in (self.synthetic, self.real)])
        shape = (READERS, IMAGES)
        items = [f"item {number}" for number in range(IMAGES)]
        synthetic = np.arange(IMAGES) < half
        table = {
            "reader": np.repeat([f"reader {number}" for number in range(READERS)], IMAGES),
            "item": np.tile(items, READERS),
            "domain": DOMAIN,
            "unit": np.tile(items, READERS),
            "synthetic": np.tile(synthetic, READERS),
            "called_synthetic": (draw.random(shape) < chance).ravel(),
            "grade": draw.choice(GRADES, shape).ravel(),
            "seconds": draw.gamma(4, 1.5, shape).ravel(),
        }
        return Answers.of(pd.DataFrame(table))


SURE, NEVER, HALF = np.ones(1), np.zeros(1), np.full(1, 0.5)
SIMPLE = {
    "right": Population(SURE, NEVER),
    "wrong": Population(NEVER, SURE),
    "chance": Population(HALF, HALF),
}


def populations() -> dict[str, Population]:
    """By what their readers are like."""
    return SIMPLE | {"grid": seen_grid()}


def seen_grid() -> Population:
    """Readers who look for a grid in each image, where a generator left it in some of its images.

    They really look: an image in which lines every 8 px stand out more than in most real ones is
    called synthetic.
    """
    images = phantoms(DOMAIN, 2 * POOL)[0].images
    count = round(GRIDDED * POOL)
    made = np.concatenate([gridded(gridded(images[:count])), images[count:POOL]])
    ours, real = (grid_excesses(side)[:, LINES] for side in (made, images[POOL:]))
    threshold = np.quantile(real, 1 - FALSE_ALARMS)
    synthetic, plain = (np.where(side > threshold, 1 - LAPSES, LAPSES) for side in (ours, real))
    return Population(synthetic, plain)


def _normal(share: float) -> float:
    if share in (0.0, 1.0):
        return float("inf") if share else float("-inf")
    return NormalDist().inv_cdf(share)
