"""The fidelity scores of one domain: distances to the real training pairs, each with its floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.features.handcrafted import Extractor, Handcrafted, RobustScale
from evaluation.features.registry import FROM_FILE, ExtractorContext, extractor_of
from evaluation.fidelity.frechet import Features, frechet, frechet_estimate
from evaluation.fidelity.frechet_infinity import frechet_extrapolated
from evaluation.fidelity.mmd import Kernel, kernel_estimate, permutation_p
from evaluation.fidelity.prdc import neighbours
from evaluation.fidelity.two_sample_test import shift_p
from evaluation.fidelity.vendi import vendi
from evaluation.metrics.fidelity import GROUPS, frechet_name
from evaluation.metrics.registry import Parameter, Score
from evaluation.pairs import Block, column, units_of, with_masks
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import Estimate, Units

EQUAL_N_DRAWS = 20
FEWEST_OF_FACET = 20  # synthetic and real pairs of a finding, below which its distance is noise
HANDCRAFTED = "handcrafted"
IMAGE_GROUPS = ("first_order", "texture", "spectrum")  # of the handcrafted features
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Sample:
    """Features of some pairs as distances see them, and the unit (patient) and finding of each."""

    features: Features
    units: Units
    findings: NDArray[np.object_]

    def of(self, finding: str) -> Sample:
        """Only the pairs with a finding."""
        at = self.findings == finding
        return Sample(self.features[at], self.units[at], self.findings[at])

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class SampleTriple:
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
    encoder: Extractor | None = None,
) -> list[Score]:
    """Fréchet and kernel distances over every set of features, whole and by group and finding.

    Neighbourhoods, values at equal n and the extrapolated distance are of handcrafted features
    alone: they are not wanted of every set, and need few dimensions. Pairs without a mask count
    over features of images alone.

    Args:
        synthetic: pairs of one domain.
        train: real training pairs of it.
        held_out: real pairs of other patients.
        classes: names of its foreground classes.
        section: of the recipe.
        encoder: trained before on `train`; None: trained here if the section asks for one.
    """
    scores: list[Score] = []
    ground = ExtractorContext(train, classes, section.seed, section.encoder_steps, encoder=encoder)
    sets = synthetic, train, held_out
    for features in section.features:
        extractor = extractor_of(features, ground)
        trios = scaled(extractor, *sets)
        if extractor.name == HANDCRAFTED and not all(np.all(pairs.has_mask) for pairs in sets):
            trios = {**trios, **image_trios(*sets)}
        scores += _set_scores(extractor, trios, section)
    return scores


def image_trios(synthetic: Block, train: Block, held_out: Block) -> Mapping[str, SampleTriple]:
    """The groups of handcrafted features that no mask enters, of all images."""
    sets = (_unmasked(pairs) for pairs in (synthetic, train, held_out))
    trios = scaled(Handcrafted(("structure",)), *sets)
    return {name: trios[name] for name in IMAGE_GROUPS}


def _unmasked(pairs: Block) -> Block:
    """The images with empty masks that count as present: all of them are compared, no mask is."""
    return replace(
        pairs, masks=np.zeros_like(pairs.masks), has_mask=np.ones(len(pairs.images), bool)
    )


def scaled(
    extractor: Extractor, synthetic: Block, train: Block, held_out: Block
) -> Mapping[str, SampleTriple]:
    """Features by group, and under the extractor's name all of them.

    Where the extractor asks for it they are scaled on the training ones. Pairs without a mask
    have no features of it and are left out, unless the extractor reads images alone.
    """
    sets = [synthetic, train, held_out]
    if extractor.name not in FROM_FILE:
        sets = [with_masks(pairs) for pairs in sets]
    raw = [extractor.groups(pairs.images, pairs.masks) for pairs in sets]
    tables: dict[str, list[Features]] = {}
    for group in raw[1]:
        tables[group] = [table[group] for table in raw]
        if extractor.scaled:
            scale = RobustScale.fit(raw[1][group])
            tables[group] = [scale.apply(table) for table in tables[group]]
    if extractor.name not in tables:
        tables[extractor.name] = [np.hstack([t[i] for t in tables.values()]) for i in range(3)]
    about = [(units_of(pairs), column(pairs, "finding")) for pairs in sets]
    return {
        group: SampleTriple(
            *(Sample(each, *known) for each, known in zip(table, about, strict=True))
        )
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


def group_scores(
    extractor: Extractor, trios: Mapping[str, SampleTriple], section: EvaluateSection
) -> Iterator[Score]:
    """Distances over each of these groups of features, and the test behind its alarm."""
    for group, trio in trios.items():
        about = _about(extractor, section) | {"dimensions": trio.train.features.shape[1]}
        for name, estimate in _distances(group, trio, section):
            yield Score.of(name, estimate, **about)
        if group in GROUPS:
            yield Score.of(f"shift_{group}_p", _shifted(trio, section.seed), **about)


def _about(extractor: Extractor, section: EvaluateSection) -> dict[str, Parameter]:
    return {"features": f"{extractor.name}@{extractor.fingerprint}", "seed": section.seed}


def _set_scores(
    extractor: Extractor, trios: Mapping[str, SampleTriple], section: EvaluateSection
) -> Iterator[Score]:
    yield from group_scores(extractor, trios, section)
    whole, about = trios[extractor.name], _about(extractor, section)
    for name, finding, estimate in _by_finding(extractor.name, whole, section):
        yield Score.of(name, estimate, **about, facet=finding)
    if extractor.name == HANDCRAFTED:
        for name, estimate in _of_handcrafted(whole, section):
            yield Score.of(name, estimate, **about)


def _distances(
    group: str, trio: SampleTriple, section: EvaluateSection
) -> Iterator[tuple[str, Estimate]]:
    real, seed = trio.train, section.seed
    kernel = Kernel.of(real.features, seed=seed)
    for suffix, sample in (("", trio.synthetic), ("_real", trio.held_out)):
        both = sample.features, real.features
        units = sample.units, real.units
        yield f"{frechet_name(group)}{suffix}", frechet_estimate(*both, *units, seed=seed)
        yield f"kernel_{group}{suffix}", kernel_estimate(*both, kernel, *units, seed=seed)
        if not suffix:
            p = permutation_p(*both, kernel, *units, seed=seed)
            yield f"kernel_{group}_p", Estimate(p, NAN, NAN, len(sample))


def _shifted(trio: SampleTriple, seed: int) -> Estimate:
    ours, real = trio.synthetic, trio.train
    p = shift_p(ours.features, real.features, ours.units, real.units, seed=seed)
    return Estimate(p, NAN, NAN, len(ours))


def _by_finding(
    name: str, trio: SampleTriple, section: EvaluateSection
) -> Iterator[tuple[str, str, Estimate]]:
    """Kernel distances of single findings, seen with the kernel of all: (metric, finding, value)."""
    kernel = Kernel.of(trio.train.features, seed=section.seed)
    for finding in sorted(set(trio.synthetic.findings) - {""}):
        real = trio.train.of(finding)
        for suffix, sample in (("", trio.synthetic), ("_real", trio.held_out)):
            ours = sample.of(finding)
            if min(len(ours), len(real)) >= FEWEST_OF_FACET:
                both = ours.features, real.features
                units = ours.units, real.units
                found = kernel_estimate(*both, kernel, *units, seed=section.seed)
                yield f"kernel_{name}{suffix}", finding, found


def _of_handcrafted(trio: SampleTriple, section: EvaluateSection) -> Iterator[tuple[str, Estimate]]:
    both = trio.synthetic.features, trio.train.features
    units = trio.synthetic.units, trio.train.units
    endless = frechet_extrapolated(*both, *units, seed=section.seed)
    yield "frechet_handcrafted_extrapolated", endless
    yield from _at_equal_n(trio, section)


def _at_equal_n(trio: SampleTriple, section: EvaluateSection) -> Iterator[tuple[str, Estimate]]:
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
