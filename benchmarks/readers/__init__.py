"""Do readings recover readers whose skill is known? How often the truth lies in the 95 % interval.

`python -m benchmarks.readers` draws 1000 readings of three simulated readers and sixty images for
each kind of reader; `--quick` draws 100, in a minute or two. No figure is of a person.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np
from tqdm import tqdm

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.readers.simulated import Population, populations
from evaluation.reading.result import reading_result
from evaluation.statistics.bootstrap import Estimate, wilson

REPEATS, QUICK = 1000, 100
KINDS = ("right", "wrong", "chance", "grid")
HELD = ("accuracy", "d_prime", "accuracy_of_one", "d_prime_of_one", "kappa", "alpha")
BARS = tuple(Bar(f"{kind}_{name}", ">=", 0.95) for kind in KINDS for name in HELD)


def recovered(population: Population, repeats: int, seed: int) -> dict[str, Figure]:
    """The share of readings in whose interval the truth lies, for each statistic.

    Args:
        population: of images, and how readers see them.
        repeats: readings.
        seed: of these.
    """
    truth, covered = population.truth(), Counter[str]()
    for draw in np.random.default_rng(seed).spawn(repeats):
        for name, found in estimated(population, draw).items():
            value = truth[name.removesuffix("_of_one")]
            covered[name] += bool(found.low <= value <= found.high)
    return {name: Figure.estimated(wilson(covered[name], repeats)) for name in (*HELD, *truth)}


def estimated(population: Population, draw: np.random.Generator) -> dict[str, Estimate]:
    """What one reading says: of all its readers, of the first alone, and how these agree."""
    result = reading_result(population.reading(draw))
    one, every = result.lines[1], result.whole
    return {
        "accuracy": every.detection.accuracy,
        "d_prime": every.detection.d_prime,
        "accuracy_of_one": one.detection.accuracy,
        "d_prime_of_one": one.detection.d_prime,
        "kappa": result.agreement.kappa,
        "alpha": result.agreement.alpha,
        "grade_difference": every.grade_difference,
    }


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} readings of each kind")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    start, repeats = time.monotonic(), QUICK if options.quick else REPEATS
    figures: dict[str, Figure] = {}
    for seed, (kind, population) in enumerate(tqdm(populations().items(), unit="kind")):
        found = recovered(population, repeats, seed)
        figures |= {f"{kind}_{name}": figure for name, figure in found.items()}
    figures["seconds"] = Figure(time.monotonic() - start, "s")
    show("readers", figures, {}, options.json, verdicts(BARS, figures))
