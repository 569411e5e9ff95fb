"""The scores of this package: what each is called, its unit, its direction and its controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.metrics.fidelity import FIDELITY
from evaluation.metrics.metric import Metric
from evaluation.metrics.utility import UTILITY
from evaluation.statistics.bootstrap import Estimate, mean_of

Parameter = str | int | float | bool


@dataclass(frozen=True)
class Score:
    """One number about one version of pairs.

    Attributes:
        metric: its name in `METRICS`.
        value: NaN where it could not be observed, with n saying why not.
        low: lower bound of the 95 % interval, NaN where unknown.
        high: upper bound, likewise.
        n: pairs (or cases) behind it.
        unit: of value and bounds.
        higher_is_better: None where neither direction is.
        parameters: whatever else the number depends on. `domain`, `class` and `facet` mark a
            part; a score with none of them is the headline: the mean over domains.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    higher_is_better: bool | None
    parameters: dict[str, Parameter] = field(default_factory=dict)

    @staticmethod
    def of(metric: str, estimate: Estimate, **parameters: Parameter) -> Score:
        """The score of a registered metric.

        Raises:
            KeyError: if the metric is not in `METRICS`.
        """
        known = METRICS[metric]
        e = estimate
        direction = known.higher_is_better
        return Score(metric, e.value, e.low, e.high, e.n, known.unit, direction, parameters)

    @property
    def headline(self) -> bool:
        """Whether it speaks for the whole version, not for one domain, class or facet."""
        return self.whole and "domain" not in self.parameters

    @property
    def whole(self) -> bool:
        """Whether it speaks for all pairs of its domain, not for one class or facet of them."""
        return not {"class", "facet"} & set(self.parameters)

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return math.isfinite(self.value)


def headlines(scores: Sequence[Score]) -> dict[str, Score]:
    """The headline score of each metric, by name: what gates and MLflow read."""
    return {score.metric: score for score in scores if score.headline}


def over_domains(scores: Sequence[Score]) -> Score:
    """The headline of one metric from its scores of single domains: their mean, n summed.

    A text that differs between the domains (each has an encoder of its own) is told of all, a
    number that differs (features grow with the classes) of none.
    """
    estimates = [Estimate(s.value, s.low, s.high, s.n) for s in scores]
    rest: dict[str, Parameter] = {}
    for name in scores[0].parameters:
        values = list(dict.fromkeys(s.parameters[name] for s in scores))
        if len(values) == 1:
            rest[name] = values[0]
        elif name != "domain" and all(isinstance(value, str) for value in values):
            rest[name] = "+".join(map(str, values))
    rest.pop("domain", None)
    return Score.of(scores[0].metric, mean_of(estimates), **rest)


_CONSISTENCY = {
    "consistency": Metric(
        "Dice",
        True,
        1,
        "Dice between mask and judge over synthetic pairs whose mask is not empty.",
        (
            "consistency_real",
            "consistency_shuffled",
            "consistency_constant",
            "consistency_unfiltered",
        ),
    ),
    "consistency_unfiltered": Metric(
        "Dice",
        None,
        1,
        "The same over all pairs that were made; only where any was rejected.",
    ),
    "consistency_real": Metric("Dice", None, 1, "The judge's Dice on real held-out pairs."),
    "consistency_shuffled": Metric(
        "Dice", None, 1, "The same synthetic images with the masks of other pairs."
    ),
    "consistency_constant": Metric(
        "Dice", None, 1, "The same synthetic images, all with the mean mask of real pairs."
    ),
    "tstr_dice": Metric(
        "Dice",
        True,
        1,
        "Dice on real held-out pairs of a segmenter trained on the synthetic pairs as the judge was "
        "on real ones.",
        ("consistency_real",),
    ),
    "consistency_closed": Metric(
        "1",
        True,
        1,
        "(pairs - shuffled) / (real held-out - shuffled): how much of the way from chance to real "
        "the pairs have gone.",
    ),
    "consistency_over_constant": Metric(
        "Dice", True, 1, "Consistency above that of one constant mean mask."
    ),
    "consistency_nsd": Metric(
        "1",
        True,
        1,
        "Surface Dice between mask and judge over the classes a mask shows: share of both "
        "contours within the tolerance of the other; only where the spacing is known.",
        ("consistency_nsd_real",),
    ),
    "consistency_nsd_real": Metric("1", None, 1, "The same on real held-out pairs."),
    "consistency_hd95": Metric(
        "mm",
        False,
        1,
        "95th percentile of the distance between the contours of mask and judge, a class that "
        "the judge misses counting with the image's diagonal; only where the spacing is known.",
        ("consistency_hd95_real",),
    ),
    "consistency_hd95_real": Metric("mm", None, 1, "The same on real held-out pairs."),
}

_FINDINGS = {
    "finding_agreement": Metric(
        "share",
        True,
        1,
        "Balanced accuracy with which a classifier of real images finds in the synthetic ones the "
        "finding they were asked for.",
        ("finding_agreement_real", "finding_agreement_shuffled"),
    ),
    "finding_agreement_real": Metric(
        "share", None, 1, "The classifier's balanced accuracy on real held-out images."
    ),
    "finding_agreement_shuffled": Metric(
        "share", None, 1, "The same synthetic images with the findings of other pairs."
    ),
    "finding_agreement_closed": Metric(
        "1",
        True,
        1,
        "(pairs - shuffled) / (real held-out - shuffled): how much of the way from chance to real "
        "the findings have gone; unknown where the classifier cannot tell real ones.",
    ),
}

_MASKS = {
    "plausible_share": Metric(
        "share",
        True,
        1,
        "Share of masks whose every class has an area, a place, a number of pieces and neighbours "
        "as real training masks have them.",
        ("plausible_share_real",),
    ),
    "plausible_share_real": Metric("share", None, 1, "The same of real held-out masks."),
    "asked_present": Metric(
        "share", True, 1, "Share of the classes a prompt asked for that its mask shows."
    ),
    "unasked_absent": Metric(
        "share",
        True,
        1,
        "Share of the classes a prompt did not ask for that its mask does not show; 1 by design "
        "where masks are decoded among the asked classes only.",
    ),
}

_IMAGES = {
    "sharpness": Metric(
        "1",
        None,
        1,
        "Mean power in the upper half of the radial spectrum, synthetic over real held-out; "
        "1 is as sharp as real, less is blurred, more is noisy.",
        ("sharpness_real",),
    ),
    "sharpness_real": Metric("1", None, 1, "The same ratio, real training over real held-out."),
    "ms_ssim": Metric(
        "1",
        None,
        1,
        "Mean MS-SSIM between random pairs of synthetic images; above real's means less diverse.",
        ("ms_ssim_real",),
    ),
    "ms_ssim_real": Metric("1", None, 1, "Mean MS-SSIM between random pairs of real images."),
    "ms_ssim_rank": Metric(
        "share",
        None,
        1,
        "Share of real image pairs that are less alike than the mean synthetic pair; within "
        "0.025 to 0.975 it lies in the real range.",
    ),
    "vendi": Metric(
        "pairs",
        True,
        1,
        "Effective number of different pairs (Vendi score) by handcrafted features, among as many "
        "as there are held-out ones.",
        ("vendi_real",),
    ),
    "vendi_real": Metric("pairs", None, 1, "The same of the real held-out pairs."),
    "vendi_order2": Metric(
        "pairs",
        True,
        1,
        "The same of order 2, which hears less of rare pairs and settles with fewer.",
        ("vendi_order2_real",),
    ),
    "vendi_order2_real": Metric("pairs", None, 1, "The same of the real held-out pairs."),
}

_PRIVACY = {
    "memorised_share": Metric(
        "share",
        False,
        2,
        "Share of synthetic images nearer to a training image, also mirrored, tilted or moved, "
        "than all but 1 % of held-out real images are.",
        ("memorised_share_real", "memorised_certifiable"),
    ),
    "memorised_share_real": Metric(
        "share", None, 2, "Share of held-out real images as near: what no copying gives."
    ),
    "memorised_excess": Metric(
        "share",
        False,
        2,
        "The synthetic share less the held-out one; few held-out images set a coarse threshold, "
        "which this takes out and the bare share does not.",
    ),
    "memorised_certifiable": Metric(
        "share",
        None,
        1,
        "The smallest memorised share that so many pairs could rule out: the upper 95 % bound "
        "had none of them been a copy.",
    ),
    "copying_p": Metric(
        "share",
        None,
        2,
        "Permutation p-value of the excess of synthetic images among those nearest to a training "
        "image, real images of other patients, each counted once, being the rest.",
    ),
    "authenticity": Metric(
        "share",
        True,
        2,
        "Share of synthetic images farther from their nearest training image than that one is "
        "from its own nearest neighbour of another patient.",
        ("authenticity_real",),
    ),
    "authenticity_real": Metric(
        "share", None, 2, "The same of held-out real images: what no copying gives."
    ),
    "dcr_share": Metric(
        "share",
        None,
        1,
        "Share of synthetic images nearer to a training than to a held-out image, the two pools "
        "made equally large; 0.5 where training left no trace.",
    ),
    "membership_advantage": Metric(
        "1",
        False,
        1,
        "2 AUC - 1 of telling training from held-out images by the distance to their nearest "
        "synthetic image; 0 is a guess, 1 gives every training image away.",
    ),
    "alarms": Metric(
        "tests",
        False,
        2,
        "How many of the six tests (five groups of features, copying) found a difference that "
        "chance does not explain, 3 % for all of them together; over several domains the mean.",
    ),
}

METRICS: Mapping[str, Metric] = {
    **FIDELITY,
    **_CONSISTENCY,
    **_FINDINGS,
    **_MASKS,
    **_IMAGES,
    **_PRIVACY,
    **UTILITY,
}
