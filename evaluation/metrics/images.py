"""Are the images as sharp and as different from one another as real ones are?"""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.pairs import units_of
from evaluation.statistics.bootstrap import Estimate

_SHARPNESS = {
    "sharpness": Metric(
        "1",
        None,
        2,
        "Mean power in the upper half of the radial spectrum, synthetic over real held-out; "
        "1 is as sharp as real, less is blurred, more is noisy.",
        ("sharpness_real",),
        section="fidelity",
    ),
    "sharpness_real": Metric("1", None, 2, "The same ratio, real training over real held-out."),
}

_MS_SSIM = {
    "ms_ssim": Metric(
        "1",
        None,
        2,
        "Mean MS-SSIM between random pairs of synthetic images, of volumes not of one; above real's "
        "means less diverse.",
        ("ms_ssim_real",),
        section="diversity",
    ),
    "ms_ssim_real": Metric(
        "1", None, 2, "Mean MS-SSIM between images of random pairs of patients."
    ),
    "ms_ssim_rank": Metric(
        "share",
        None,
        2,
        "Share of real image pairs that are less alike than the mean synthetic pair; within "
        "0.025 to 0.975 it lies in the real range.",
        section="diversity",
    ),
}


def _sharpness(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.features.spectrum import sharpness, upper_power

    held_out, train, seed = context.held_out, context.train, context.seed
    reference, real_units = upper_power(held_out.images), units_of(held_out)
    sides = {
        "": (context.upper_power, context.units),
        "_real": (upper_power(train.images), units_of(train)),
    }
    for suffix, (power, units) in sides.items():
        estimate = sharpness(power, reference, units, real_units, seed=seed)
        yield Reading(f"sharpness{suffix}", estimate, {"seed": seed})


def _ms_ssim(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.fidelity.ms_ssim import pairwise_ms_ssim

    count, seed = context.section.ms_ssim_pairs, context.seed
    ours, real = (
        pairwise_ms_ssim(part.images, units_of(part), pairs=count, seed=seed)
        for part in (context.synthetic, context.train)
    )
    value, about = ours.estimate(seed), {"pairs": count, "seed": seed}
    yield Reading("ms_ssim", value, about)
    yield Reading("ms_ssim_real", real.estimate(seed), about)
    at = [real.share_below(bound) for bound in (value.value, value.low, value.high)]
    yield Reading("ms_ssim_rank", Estimate(at[0], at[1], at[2], value.n), about)


SHARPNESS = Family(_SHARPNESS, _sharpness)
MS_SSIM = Family(_MS_SSIM, _ms_ssim)
