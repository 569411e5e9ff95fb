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
            1,
            f"Mean power of details of {details} px, synthetic over real held-out; 1 is as real.",
            (f"band_power_{band}_real",),
            section="fidelity",
        ),
        "_real": Metric("1", None, 1, "The same ratio, real training over real held-out."),
    }.items()
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.features.spectrum import octave_power
    from evaluation.statistics.ratio import mean_ratio

    seed, units = context.seed, units_of(context.held_out)
    sets = context.synthetic, context.train, context.held_out
    ours, train, real = (octave_power(pairs.images) for pairs in sets)
    for at, band in enumerate(BANDS):
        for suffix, power in (("", ours), ("_real", train)):
            estimate = mean_ratio(power[:, at], real[:, at], units, seed=seed)
            yield Reading(f"band_power_{band}{suffix}", estimate, {"seed": seed})


BAND_POWER = Family(_METRICS, _measure)
