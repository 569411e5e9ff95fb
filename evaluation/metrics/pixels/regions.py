"""Does the image change where the mask says so? Each connected piece of a mask is measured."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Need, Reading

NEEDS = frozenset({Need.MASKS})

# Metric -> the trait it compares, and what that is.
_TRAITS = {
    "region_contrast": ("contrast", "contrast with a ring of 5 px around it"),
    "contour_gradient": ("gradient", "gradient along its contour"),
    "region_spread": ("spread", "spread of grey levels inside"),
}

_METRICS = {
    f"{name}{suffix}": metric
    for name, (_, what) in _TRAITS.items()
    for suffix, metric in {
        "": Metric(
            "1",
            False,
            2,
            "Distance (Wasserstein-1) from real training pairs in what the image does at each "
            f"connected piece of a mask: {what}; 1 is one standard deviation of real pieces. Unknown "
            "where a class was never drawn.",
            (f"{name}_real",),
            NEEDS,
            "consistency",
        ),
        "_real": Metric(
            "1", None, 2, "The same distance of real held-out pairs: the floor.", needs=NEEDS
        ),
    }.items()
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.fidelity.region_distance import RegionSample, region_distance

    train, seed = RegionSample.of(context.train), context.seed
    samples = {"": context.synthetic, "_real": context.held_out}
    regions = {suffix: RegionSample.of(pairs) for suffix, pairs in samples.items()}
    for name, (trait, _) in _TRAITS.items():
        for suffix, sample in regions.items():
            estimate = region_distance(sample, train, trait, seed=seed)
            yield Reading(f"{name}{suffix}", estimate, {"seed": seed})


REGIONS = Family(_METRICS, _measure)
