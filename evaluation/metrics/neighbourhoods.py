"""Neighbourhoods and modes at the number of held-out pairs, over the handcrafted features alone.

They are not wanted of every set, and need few dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from evaluation.features.names import HANDCRAFTED
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Need, Parameter, Reading
from evaluation.statistics.bootstrap import Estimate

if TYPE_CHECKING:
    from evaluation.fidelity.frechet import Features
    from evaluation.fidelity.samples import SampleTriple

EQUAL_N_DRAWS = 20
NAN = float("nan")
NEEDS = frozenset({Need.HANDCRAFTED, Need.MASKS})

PRDC = {
    "precision": "Share of synthetic pairs that lie among real ones",
    "recall": "Share of real pairs that lie among synthetic ones; one outlier can raise it",
    "density": "Real neighbourhoods that hold a synthetic pair, over their expected number",
    "coverage": "Share of real training pairs with a synthetic one in their neighbourhood",
}


def _prdc(name: str, what: str) -> dict[str, Metric]:
    unit = "1" if name == "density" else "share"
    ours = (
        f"{what}, by handcrafted features, with as many synthetic pairs as there are held-out ones."
    )
    real = f"The same of real held-out pairs: what {name} is without any generator."
    return {
        name: Metric(unit, True, 1, ours, (f"{name}_real",), NEEDS, "fidelity"),
        f"{name}_real": Metric(unit, None, 1, real, needs=NEEDS),
    }


_METRICS = {
    "frechet_handcrafted_infinity": Metric(
        "1",
        False,
        1,
        "The Fréchet distance over all handcrafted features extrapolated to infinitely many pairs "
        "of both kinds; about 0 where nothing differs, unknown below one pair per feature.",
        needs=NEEDS,
    ),
    "frechet_handcrafted_equal_n": Metric(
        "1",
        False,
        1,
        "The same distance with as many synthetic pairs as there are held-out ones, the number "
        "at which the floor was measured.",
        ("frechet_handcrafted_real",),
        NEEDS,
    ),
    **{key: metric for name, what in PRDC.items() for key, metric in _prdc(name, what).items()},
    "vendi": Metric(
        "pairs",
        True,
        1,
        "Effective number of different pairs (Vendi score) by handcrafted features, among as many "
        "as there are held-out ones.",
        ("vendi_real",),
        NEEDS,
        "diversity",
    ),
    "vendi_real": Metric("pairs", None, 1, "The same of the real held-out pairs.", needs=NEEDS),
}


def at_equal_n(
    measure: Callable[[Features], float], ours: Features, size: int, *, seed: int
) -> Estimate:
    """A measure of only `size` of our vectors: of random subsets, as many as a floor was given.

    Returns:
        Mean over 20 subsets, with the range of the middle 95 % of them. That is no interval of the
        mean: it says what other `size` of these vectors would give, as the floor is of one such set,
        and nothing of other real ones. Of all our vectors at once, without bounds, where they are
        no more than `size`.
    """
    if len(ours) <= size:
        return Estimate(measure(ours), NAN, NAN, len(ours))
    rng = np.random.default_rng(seed)
    subsets = [rng.choice(len(ours), size, replace=False) for _ in range(EQUAL_N_DRAWS)]
    values = [measure(ours[subset]) for subset in subsets]
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(np.mean(values)), float(low), float(high), size)


def _measure(context: ScoringContext) -> Iterator[Reading]:
    features = context.feature_set(HANDCRAFTED)
    about: dict[str, Parameter] = {"features": features.content, "seed": context.seed}
    for name, estimate in _estimates(features.groups[HANDCRAFTED], context.seed):
        yield Reading(name, estimate, about)


def _estimates(triple: SampleTriple, seed: int) -> Iterator[tuple[str, Estimate]]:
    from evaluation.fidelity.frechet import frechet
    from evaluation.fidelity.frechet_infinity import frechet_infinity
    from evaluation.fidelity.mmd import Kernel
    from evaluation.fidelity.prdc import prdc
    from evaluation.fidelity.vendi import vendi

    ours, real, floor = (
        part.features for part in (triple.synthetic, triple.train, triple.held_out)
    )
    units, size, kernel = (
        (triple.synthetic.units, triple.train.units),
        len(floor),
        Kernel.of(real, seed=seed),
    )
    yield "frechet_handcrafted_infinity", frechet_infinity(ours, real, *units, seed=seed)

    def distance(features: Features) -> float:
        return frechet(features, real)

    yield "frechet_handcrafted_equal_n", at_equal_n(distance, ours, size, seed=seed)
    for name in PRDC:

        def share(features: Features, name: str = name) -> float:
            return float(getattr(prdc(features, real), name))

        yield name, at_equal_n(share, ours, size, seed=seed)
        yield f"{name}_real", Estimate(share(floor), NAN, NAN, size)

    def modes(features: Features) -> float:
        return vendi(features, kernel)

    yield "vendi", at_equal_n(modes, ours, size, seed=seed)
    yield "vendi_real", Estimate(modes(floor), NAN, NAN, size)


NEIGHBOURHOODS = Family(_METRICS, _measure)

_CLOSED = {
    f"{name}_closed": Metric(
        "1",
        True,
        2,
        f"{name.capitalize()} as a share of what real held-out pairs reach: 0 is nothing, 1 is as "
        "real.",
        (name, f"{name}_real"),
        NEEDS,
        "fidelity",
    )
    for name in ("recall", "coverage")
}


def _measure_closed(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.fidelity.closed_reach import closed_reach

    features = context.feature_set(HANDCRAFTED)
    about: dict[str, Parameter] = {"features": features.content, "seed": context.seed}
    for name, estimate in closed_reach(features.groups[HANDCRAFTED], seed=context.seed).items():
        yield Reading(f"{name}_closed", estimate, about)


CLOSED_REACH = Family(_CLOSED, _measure_closed)
