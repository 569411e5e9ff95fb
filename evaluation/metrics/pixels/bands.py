"""Is power as real at every scale? One band alone is met by a grid as well as by ribs."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.pairs import units_of

# Band -> what details it holds, in px; sharpness is the octave above them.
BANDS = {"low": "16 to 32", "mid": "8 to 16", "high": "4 to 8"}

_METRICS = {
    f"band_power_{band}{suffix}": metric
    for band, details in BANDS.items()
    for suffix, metric in {
        "": Metric(
            "1",
            None,
            2,
            f"Mean power of details of {details} px, synthetic over real held-out; 1 is as real.",
            (f"band_power_{band}_real",),
            section="fidelity",
        ),
        "_real": Metric("1", None, 2, "The same ratio, real training over real held-out."),
    }.items()
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.features.spectrum import octave_power
    from evaluation.statistics.ratio import mean_ratio

    seed, sets = context.seed, (context.synthetic, context.train, context.held_out)
    *sides, (real, real_units) = ((octave_power(pairs.images), units_of(pairs)) for pairs in sets)
    for at, band in enumerate(BANDS):
        for suffix, (power, units) in zip(("", "_real"), sides, strict=True):
            estimate = mean_ratio(power[:, at], real[:, at], units, real_units, seed=seed)
            yield Reading(f"band_power_{band}{suffix}", estimate, {"seed": seed})


BAND_POWER = Family(_METRICS, _measure)
