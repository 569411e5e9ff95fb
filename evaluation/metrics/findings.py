"""Does an image show the finding that its prompt named? A classifier of real images answers."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Need, Reading

NEEDS = frozenset({Need.FINDING_CLASSIFIER})

_METRICS = {
    "finding_agreement": Metric(
        "share",
        True,
        1,
        "Balanced accuracy with which a classifier of real images finds in the synthetic ones the "
        "finding they were asked for.",
        ("finding_agreement_real", "finding_agreement_shuffled"),
        NEEDS,
        "prompts",
    ),
    "finding_agreement_real": Metric(
        "share",
        None,
        1,
        "The classifier's balanced accuracy on real held-out images.",
        needs=NEEDS,
    ),
    "finding_agreement_shuffled": Metric(
        "share", None, 2, "The same synthetic images with the findings of other pairs.", needs=NEEDS
    ),
    "finding_agreement_closed": Metric(
        "1",
        True,
        2,
        "(pairs - shuffled) / (real held-out - shuffled): how much of the way from chance to real "
        "the findings have gone; unknown where the classifier cannot tell real ones.",
        needs=NEEDS,
    ),
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.agreement.finding_agreement import finding_agreement

    if context.finding_classifier is not None:
        pairs = context.synthetic, context.held_out
        found = finding_agreement(*pairs, context.finding_classifier, seed=context.seed)
        about = {"seed": context.seed}
        yield Reading("finding_agreement", found.pairs.balanced_accuracy, about)
        yield Reading("finding_agreement_real", found.real.balanced_accuracy, about)
        yield Reading("finding_agreement_shuffled", found.shuffled.balanced_accuracy, about)
        yield Reading("finding_agreement_closed", found.closed, about)


FINDINGS = Family(_METRICS, _measure)
