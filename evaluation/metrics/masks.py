"""Could the masks be anatomy, and do they show the classes that their prompts named?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Need, Reading
from evaluation.pairs import units_of, with_masks
from evaluation.statistics.bootstrap import bca_mean

NEEDS = frozenset({Need.MASKS, Need.JUDGE})

_METRICS = {
    "plausible_share": Metric(
        "share",
        True,
        2,
        "Share of masks whose every class has an area, a place, a number of pieces and neighbours "
        "as real training masks have them.",
        ("plausible_share_real",),
        NEEDS,
        "consistency",
    ),
    "plausible_share_real": Metric(
        "share", None, 1, "The same of real held-out masks.", needs=NEEDS
    ),
    "asked_present": Metric(
        "share",
        True,
        2,
        "Share of the classes a prompt asked for that its mask shows.",
        needs=NEEDS,
        section="prompts",
    ),
    "unasked_absent": Metric(
        "share",
        True,
        2,
        "Share of the classes a prompt did not ask for that its mask does not show; 1 by design "
        "where masks are decoded among the asked classes only.",
        needs=NEEDS,
    ),
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.agreement.plausibility import plausible
    from evaluation.agreement.prompt_agreement import prompt_agreement

    theirs, seed = with_masks(context.held_out), context.seed
    real = plausible(theirs.masks, with_masks(context.train).masks, len(context.classes))
    known = np.isfinite(context.plausible)
    prompts = prompt_agreement(context.synthetic, context.classes, seed=seed)
    estimates = {
        "plausible_share": bca_mean(context.plausible[known], context.units[known], seed=seed),
        "plausible_share_real": bca_mean(real, units_of(theirs), seed=seed),
        "asked_present": prompts.asked_present,
        "unasked_absent": prompts.unasked_absent,
    }
    for name, estimate in estimates.items():
        yield Reading(name, estimate, {"seed": seed})


MASKS = Family(_METRICS, _measure)
