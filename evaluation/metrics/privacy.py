"""Are images copies, and do they give away who was trained on?"""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.statistics.bootstrap import Estimate, difference

SECTION = "privacy"

_METRICS = {
    "memorised_share": Metric(
        "share",
        False,
        3,
        "Share of synthetic images nearer to a training image, also mirrored, tilted or moved, "
        "than all but 1 % of held-out real images are.",
        ("memorised_share_real", "memorised_certifiable"),
        section=SECTION,
    ),
    "memorised_share_real": Metric(
        "share", None, 3, "Share of held-out real images as near: what no copying gives."
    ),
    "memorised_excess": Metric(
        "share",
        False,
        3,
        "The synthetic share less the held-out one; few held-out images set a coarse threshold, "
        "which this takes out and the bare share does not.",
        section=SECTION,
    ),
    "memorised_certifiable": Metric(
        "share",
        None,
        2,
        "The smallest memorised share that so many pairs, or volumes, could rule out: the upper 95 % "
        "bound had none of them been a copy.",
    ),
    "copying_p": Metric(
        "share",
        None,
        3,
        "Permutation p-value of the excess of synthetic images among those nearest to a training "
        "image, real images of other patients, each counted once, being the rest; the images of a "
        "patient change sides together.",
        section=SECTION,
    ),
    "authenticity": Metric(
        "share",
        True,
        3,
        "Share of synthetic images farther from their nearest training image than that one is "
        "from its own nearest neighbour of another patient.",
        ("authenticity_real",),
        section=SECTION,
    ),
    "authenticity_real": Metric(
        "share", None, 2, "The same of held-out real images: what no copying gives."
    ),
    "dcr_share": Metric(
        "share",
        None,
        2,
        "Share of synthetic images nearer to a training than to a held-out image, the two pools "
        "made equally large; 0.5 where training left no trace.",
        section=SECTION,
    ),
    "membership_advantage": Metric(
        "1",
        False,
        2,
        "2 AUC - 1 of telling training from held-out images by the distance to their nearest "
        "synthetic image; 0 is a guess, 1 gives every training image away.",
        section=SECTION,
    ),
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.privacy.memorisation import (
        QUANTILE,
        authenticity,
        dcr_share,
        membership_advantage,
    )

    found, seed = context.nearest, context.seed
    about, quantile = {"seed": seed}, {"quantile": QUANTILE}
    yield Reading("memorised_share", found.share, quantile)
    yield Reading("memorised_share_real", found.held_out_share, quantile)
    yield Reading("memorised_excess", difference(found.share, found.held_out_share), quantile)
    yield Reading("memorised_certifiable", found.certifiable, about)
    yield Reading("authenticity", authenticity(found, seed=seed), about)
    yield Reading("authenticity_real", authenticity(found, held_out=True, seed=seed), about)
    yield Reading("dcr_share", dcr_share(found, seed=seed), about)
    yield Reading("membership_advantage", membership_advantage(found, seed=seed), about)
    count = len(found.distance)
    p = Estimate(context.copying_p, float("nan"), float("nan"), count)
    yield Reading("copying_p", p, about)


PRIVACY = Family(_METRICS, _measure)
