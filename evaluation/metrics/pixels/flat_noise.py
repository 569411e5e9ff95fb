"""Is there as much noise as in real images where these are flat?"""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.pairs import units_of

_METRICS = {
    "flat_noise": Metric(
        "1",
        None,
        2,
        "Robust standard deviation of the noise in the flattest tenth of an image, synthetic over "
        "real held-out; 1 is as real, less is too smooth.",
        ("flat_noise_real",),
        section="fidelity",
    ),
    "flat_noise_real": Metric("1", None, 2, "The same ratio, real training over real held-out."),
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.fidelity.flat_noise import flat_noise
    from evaluation.statistics.ratio import mean_ratio

    seed, sets = context.seed, (context.synthetic, context.train, context.held_out)
    *sides, (real, real_units) = ((flat_noise(pairs.images), units_of(pairs)) for pairs in sets)
    for suffix, (noise, units) in zip(("", "_real"), sides, strict=True):
        estimate = mean_ratio(noise, real, units, real_units, seed=seed)
        yield Reading(f"flat_noise{suffix}", estimate, {"seed": seed})


FLAT_NOISE = Family(_METRICS, _measure)
