"""How far synthetic pairs are from real ones: distances over each set of features, with floors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evaluation.features.names import GROUPS, HANDCRAFTED, IMAGE_GROUPS, SETS
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Need, Parameter, Reading
from evaluation.statistics.bootstrap import Estimate

if TYPE_CHECKING:
    from evaluation.fidelity.samples import SampleTriple

FEWEST_OF_FACET = 20  # synthetic and real pairs of a finding, below which its distance is noise
NAN = float("nan")


def frechet_name(features: str) -> str:
    """Name of the Fréchet distance over a set or group: of Inception's alone it is `fid`."""
    return "fid" if features == "inception" else f"frechet_{features}"


def distance_family(kind: str) -> Family:
    """The distances over one set of features and, of the handcrafted ones, over their groups."""
    groups = [HANDCRAFTED, *GROUPS] if kind == HANDCRAFTED else [kind]
    metrics: dict[str, Metric] = {}
    for name in groups:
        metrics |= _mmd(name, kind)
    for name in groups:
        metrics |= _frechet(name, kind)
    for name in groups[1:]:
        metrics |= _two_sample(name)

    def measure(context: ScoringContext) -> Iterator[Reading]:
        yield from _measure(kind, context)

    return Family(metrics, measure)


def _needs(group: str, kind: str) -> frozenset[Need]:
    return frozenset({Need(kind)} if group in IMAGE_GROUPS else {Need(kind), Need.MASKS})


def _what(group: str) -> str:
    if group == HANDCRAFTED:
        return "all handcrafted features"
    return f"features of {({**GROUPS, **SETS})[group]}"


def _mmd(group: str, kind: str) -> dict[str, Metric]:
    name, what, needs = f"mmd_{group}", _what(group), _needs(group, kind)
    far = (
        f"Maximum mean discrepancy (unbiased, squared) over {what}, synthetic to real training "
        "pairs; needs no number of pairs to be meaningful, and is about 0 where nothing differs."
    )
    floor = f"The same distance of real held-out pairs over {what}."
    chance = (
        f"Permutation p-value of the distance over {what}: how often chance alone gives as much. "
        "Over several domains their mean, half of a valid one."
    )
    beside = f"{name}_real", f"{name}_p"
    return {
        name: Metric("1", False, 2, far, beside, needs, "fidelity"),
        f"{name}_real": Metric("1", None, 2, floor, needs=needs),
        f"{name}_p": Metric("share", None, 3, chance, needs=needs),
    }


def _frechet(group: str, kind: str) -> dict[str, Metric]:
    name, what, needs = frechet_name(group), _what(group), _needs(group, kind)
    far = f"Fréchet distance over {what}, synthetic to real training pairs; falls with more pairs."
    floor = f"Fréchet distance of real held-out pairs over {what}: its floor."
    more = ("_equal_n", "_infinity") if group == HANDCRAFTED else ()
    beside = tuple(f"{name}{suffix}" for suffix in ("_real", *more))
    return {
        name: Metric("1", False, 1, far, beside, needs, "fidelity"),
        f"{name}_real": Metric("1", None, 1, floor, needs=needs),
    }


def _two_sample(group: str) -> dict[str, Metric]:
    what = (
        f"How often chance alone gives so large a difference in {_what(group)}, in one of them or "
        "in who is whose neighbour: the test behind the alarm of that name."
    )
    needs = _needs(group, HANDCRAFTED)
    return {f"two_sample_{group}_p": Metric("share", None, 2, what, needs=needs)}


def _measure(kind: str, context: ScoringContext) -> Iterator[Reading]:
    features = context.feature_set(kind)
    about: dict[str, Parameter] = {"features": features.content, "seed": context.seed}
    for group, triple in features.groups.items():
        here = about | {"dimensions": triple.train.features.shape[1]}
        for name, estimate in _distances(group, triple, context.seed):
            yield Reading(name, estimate, here)
        if group in GROUPS:
            p, count = context.two_sample_p(group), len(triple.synthetic)
            yield Reading(f"two_sample_{group}_p", Estimate(p, NAN, NAN, count), here)
    if kind in features.groups:
        for name, finding, estimate in _by_finding(kind, features.groups[kind], context.seed):
            yield Reading(name, estimate, about | {"facet": finding})


def _distances(group: str, triple: SampleTriple, seed: int) -> Iterator[tuple[str, Estimate]]:
    from evaluation.fidelity.frechet import frechet_estimate
    from evaluation.fidelity.mmd import Kernel, mmd_estimate, permutation_p

    real = triple.train
    kernel = Kernel.of(real.features, seed=seed)
    for suffix, sample in (("", triple.synthetic), ("_real", triple.held_out)):
        both = sample.features, real.features
        units = sample.units, real.units
        yield f"{frechet_name(group)}{suffix}", frechet_estimate(*both, *units, seed=seed)
        yield f"mmd_{group}{suffix}", mmd_estimate(*both, kernel, *units, seed=seed)
        if not suffix:
            p = permutation_p(*both, kernel, *units, seed=seed)
            yield f"mmd_{group}_p", Estimate(p, NAN, NAN, len(sample))


def _by_finding(kind: str, triple: SampleTriple, seed: int) -> Iterator[tuple[str, str, Estimate]]:
    """Distances of single findings, seen with the kernel of all: (metric, finding, value)."""
    from evaluation.fidelity.mmd import Kernel, mmd_estimate

    kernel = Kernel.of(triple.train.features, seed=seed)
    for finding in sorted(set(triple.synthetic.findings) - {""}):
        real = triple.train.of(finding)
        for suffix, sample in (("", triple.synthetic), ("_real", triple.held_out)):
            ours = sample.of(finding)
            if min(len(ours), len(real)) >= FEWEST_OF_FACET:
                both = ours.features, real.features
                found = mmd_estimate(*both, kernel, ours.units, real.units, seed=seed)
                yield f"mmd_{kind}{suffix}", finding, found
