"""Which scores of pictures notice a fault.

Half of a set's patients are the reference, the pairs of the other half play the synthetic ones. A
score notices a fault where it lies farther out than in 95 % of such draws without any fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.faults.planting import PLANTINGS
from evaluation.features.handcrafted import RobustScale
from evaluation.features.lite0 import PACKAGE, Lite0Early
from evaluation.features.regions import TRAITS
from evaluation.features.spectrum import octave_power, upper_power
from evaluation.fidelity.flat_noise import flat_noise
from evaluation.fidelity.grid import grid_excesses
from evaluation.fidelity.mmd import Kernel, mmd
from evaluation.fidelity.region_distance import RegionSample, region_distance
from evaluation.metrics.pixels.bands import BANDS
from evaluation.pairs import Block, units_of
from evaluation.statistics.bootstrap import Estimate, wilson

FAULTS = ("grid", "grain", "blur_half", "wrong_tissue")
DRAWS = 300  # without a fault
LEVEL = 0.95

Floats = NDArray[np.float64]
Units = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Table:
    """What a score reads.

    Attributes:
        units: (R,) patient of each row; a pair has one row, or one for each region of its mask.
        values: (R, D).
    """

    units: Units
    values: Floats

    def of(self, units: Units) -> Floats:
        """The rows of some patients."""
        return self.values[np.isin(self.units, units)]


@dataclass(frozen=True, eq=False)
class Watch:
    """A score and what it reads of all pairs of a set.

    Attributes:
        tables: by fault; "" for none.
        apart: how far out rows (first) are from those of a reference (second).
    """

    tables: Mapping[str, Table]
    apart: Callable[[Floats, Floats], float]

    @cached_property
    def usual(self) -> float:
        """The 95th percentile of how far out pairs without a fault are."""
        draws = [self.far("", (1, draw)) for draw in range(DRAWS)]
        return float(np.quantile(draws, LEVEL))

    def far(self, fault: str, seed: tuple[int, int]) -> float:
        """How far out the pairs of one half of the patients are from those of the other half."""
        patients = np.unique(self.tables[""].units)
        ours, known = np.array_split(np.random.default_rng(seed).permutation(patients), 2)
        return self.apart(self.tables[fault].of(ours), self.tables[""].of(known))


def watches(pairs: Block, *, seed: int = 0) -> dict[str, Watch]:
    """Reads a set once with and once without each fault; a Watch for each score, by its name.

    Features are left out where their weights are not installed.
    """
    sets = {"": pairs}
    for fault in FAULTS:
        changed = PLANTINGS[fault](pairs.images, pairs.masks, np.random.default_rng(seed))
        sets[fault] = Block(*changed, pairs.facets, pairs.spacing_mm, pairs.has_mask)
    found: dict[str, Watch] = {}
    for read, scores in tqdm(list(_readers()), desc="scores"):
        tables = {fault: read(changed) for fault, changed in sets.items()}
        found |= {name: Watch(tables, apart) for name, apart in scores.items()}
    return found


def noticed(watch: Watch, fault: str, repeats: int) -> Estimate:
    """Share of repeats in which the score lies beyond its 95th percentile without a fault."""
    found = [watch.far(fault, (0, repeat)) > watch.usual for repeat in range(repeats)]
    return wilson(sum(found), repeats)


def _readers() -> Iterator[tuple[Callable[[Block], Table], Mapping[str, Callable[..., float]]]]:
    """How to read pairs, and the scores that are made of what was read."""

    def of_images(measure: Callable[[NDArray[np.uint8]], Floats]) -> Callable[[Block], Table]:
        return lambda pairs: Table(units_of(pairs), measure(pairs.images).reshape(len(pairs), -1))

    yield of_images(grid_excesses), {"grid_excess": lambda ours, _: float(ours.mean(0).max())}
    yield of_images(flat_noise), {"flat_noise": _ratio(0)}
    yield of_images(upper_power), {"sharpness": _ratio(0)}
    bands = {f"band_power_{band}": _ratio(at) for at, band in enumerate(BANDS)}
    yield of_images(octave_power), bands
    regions = ("region_contrast", "contour_gradient", "region_spread")
    yield _regions, {name: _distance(trait) for name, trait in zip(regions, TRAITS, strict=True)}
    if find_spec(PACKAGE):
        yield of_images(_early), {"mmd_lite0-early": _mmd}


def _ratio(column: int) -> Callable[[Floats, Floats], float]:
    def apart(ours: Floats, real: Floats) -> float:
        return float(abs(np.log(ours[:, column].mean() / real[:, column].mean())))

    return apart


def _early(images: NDArray[np.uint8]) -> Floats:
    return Lite0Early().groups(images, images[..., 0])["lite0-early"]


def _mmd(ours: Floats, real: Floats) -> float:
    scale = RobustScale.fit(real)
    known = scale.apply(real)
    return mmd(scale.apply(ours), known, Kernel.of(known))


def _regions(pairs: Block) -> Table:
    found = RegionSample.of(pairs)
    return Table(found.unit, np.column_stack([found.label, found.traits]))


def _distance(trait: str) -> Callable[[Floats, Floats], float]:
    def sample(rows: Floats) -> RegionSample:
        # Of one unit, whose value is wanted without an interval.
        one = np.zeros(len(rows), np.intp)
        return RegionSample(rows[:, 0].astype(np.intp), one, rows[:, 1:])

    return lambda ours, real: region_distance(sample(ours), sample(real), trait, seed=0).value
