"""The fidelity scores of one domain: distances to the real training pairs, each with its floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.features import FEATURES, Handcrafted, RobustScale
from evaluation.frechet import Features, frechet, frechet_estimate
from evaluation.kernel import Kernel, kernel_estimate, permutation_p
from evaluation.metrics import Parameter, Score
from evaluation.neighbours import neighbours
from evaluation.pairs import Block, units_of, with_masks
from evaluation.sections import EvaluateSection
from evaluation.statistics import Estimate, Units
from evaluation.vendi import vendi

EQUAL_N_DRAWS = 20
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Sample:
    """Scaled features of some pairs, and the unit (patient) of each."""

    features: Features
    units: Units


@dataclass(frozen=True, eq=False)
class Trio:
    """What every distance compares: synthetic pairs, real training and real held-out ones."""

    synthetic: Sample
    train: Sample
    held_out: Sample


def fidelity_scores(
    synthetic: Block,
    train: Block,
    held_out: Block,
    classes: tuple[str, ...],
    section: EvaluateSection,
) -> list[Score]:
    """Fréchet and kernel distances, whole and by group, then neighbourhoods of the whole."""
    scores = []
    for name in section.features:
        extractor = FEATURES[name](classes)
        settings: dict[str, Parameter] = {
            "features": f"{name}@{extractor.version}",
            "seed": section.seed,
        }
        trios = scaled(extractor, synthetic, train, held_out)
        for group, trio in trios.items():
            scores += [Score.of(key, e, **settings) for key, e in _distances(group, trio, section)]
        scores += [Score.of(key, e, **settings) for key, e in _at_equal_n(trios[name], section)]
    return scores


def scaled(
    extractor: Handcrafted, synthetic: Block, train: Block, held_out: Block
) -> Mapping[str, Trio]:
    """Features by group, and under the extractor's name all of them, scaled on the training ones.

    Pairs without a mask have no features of it and are left out.
    """
    sets = [with_masks(pairs) for pairs in (synthetic, train, held_out)]
    raw = [extractor.groups(pairs.images, pairs.masks) for pairs in sets]
    tables: dict[str, list[Features]] = {}
    for group in raw[1]:
        scale = RobustScale.fit(raw[1][group])
        tables[group] = [scale.apply(table[group]) for table in raw]
    tables[extractor.name] = [np.hstack([t[i] for t in tables.values()]) for i in range(3)]
    units = [units_of(pairs) for pairs in sets]
    return {
        group: Trio(*(Sample(*each) for each in zip(table, units, strict=True)))
        for group, table in tables.items()
    }


def at_equal_n(
    measure: Callable[[Features], float], ours: Features, size: int, *, seed: int
) -> Estimate:
    """A measure of only `size` of our vectors: of random subsets, as many as a floor was given.

    Returns:
        Mean over 20 subsets, with the range of the middle 95 % of them; of all our vectors at
        once, without bounds, where they are no more than `size`.
    """
    if len(ours) <= size:
        return Estimate(measure(ours), NAN, NAN, len(ours))
    rng = np.random.default_rng(seed)
    subsets = [rng.choice(len(ours), size, replace=False) for _ in range(EQUAL_N_DRAWS)]
    values = [measure(ours[subset]) for subset in subsets]
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(np.mean(values)), float(low), float(high), size)


def _distances(group: str, trio: Trio, section: EvaluateSection) -> Iterator[tuple[str, Estimate]]:
    real, seed = trio.train, section.seed
    kernel = Kernel.of(real.features, seed=seed)
    for suffix, sample in (("", trio.synthetic), ("_real", trio.held_out)):
        both = sample.features, real.features
        units = sample.units, real.units
        yield f"frechet_{group}{suffix}", frechet_estimate(*both, *units, seed=seed)
        yield f"kernel_{group}{suffix}", kernel_estimate(*both, kernel, *units, seed=seed)
        if not suffix:
            p = permutation_p(*both, kernel, *units, seed=seed)
            yield f"kernel_{group}_p", Estimate(p, NAN, NAN, len(sample.features))


def _at_equal_n(trio: Trio, section: EvaluateSection) -> Iterator[tuple[str, Estimate]]:
    real, floor = trio.train.features, trio.held_out.features
    ours, size, seed = trio.synthetic.features, len(floor), section.seed

    def distance(features: Features) -> float:
        return frechet(features, real)

    yield "frechet_handcrafted_equal_n", at_equal_n(distance, ours, size, seed=seed)
    for name in ("precision", "recall", "density", "coverage"):

        def share(features: Features, name: str = name) -> float:
            return float(getattr(neighbours(features, real), name))

        yield name, at_equal_n(share, ours, size, seed=seed)
        yield f"{name}_real", Estimate(share(floor), NAN, NAN, size)
    kernel = Kernel.of(real, seed=seed)
    for order, name in ((1, "vendi"), (2, "vendi_order2")):

        def modes(features: Features, order: int = order) -> float:
            return vendi(features, kernel, order=order)

        yield name, at_equal_n(modes, ours, size, seed=seed)
        yield f"{name}_real", Estimate(modes(floor), NAN, NAN, size)
