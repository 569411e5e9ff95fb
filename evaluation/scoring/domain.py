"""The scores of one domain, a family at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.agreement.finding_agreement import finding_agreement
from evaluation.agreement.judge_agreement import Consistency, Judge, consistency, judged, mean_mask
from evaluation.agreement.plausibility import plausible
from evaluation.agreement.prompt_agreement import prompt_agreement
from evaluation.features.spectrum import sharpness, upper_power
from evaluation.fidelity.alarms import LEVEL, TESTS, raised
from evaluation.fidelity.scores import fidelity_scores
from evaluation.metrics.registry import Score
from evaluation.pairs import Block, units_of, with_masks
from evaluation.privacy.memorisation import (
    QUANTILE,
    NearestNeighbourDistances,
    authenticity,
    copying_p,
    dcr_share,
    membership_advantage,
)
from evaluation.scoring.judges import AuxiliaryModels
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import Estimate, bca_mean, difference


def score_domain(
    synthetic: Block,
    train: Block,
    held_out: Block,
    judge: Judge,
    section: EvaluateSection,
    auxiliary: AuxiliaryModels,
) -> tuple[list[Score], pd.DataFrame]:
    """All scores of pairs of one domain, and a row per synthetic pair.

    Returns:
        Scores, those of single classes marked by the parameter `class`, those of single findings
        by `facet`; and a table with the
        columns dice (judge against mask, NaN where the mask is empty or absent), upper_power,
        nearest (row of the nearest image in `train`), nearest_distance, copied.
    """
    average = mean_mask(with_masks(train).masks, len(judge.classes))
    agreed = consistency(
        synthetic,
        held_out,
        average,
        judge,
        seed=section.seed,
        tolerance_mm=section.tolerance_mm,
    )
    found = NearestNeighbourDistances.of(synthetic, train, held_out)
    power = upper_power(synthetic.images)
    anatomical = plausible(synthetic.masks, with_masks(train).masks, len(judge.classes))
    fitting = np.where(synthetic.has_mask, anatomical, np.nan)
    fidelity = fidelity_scores(
        synthetic, train, held_out, judge.classes, section, auxiliary.encoder
    )
    privacy = privacy_scores(found, section)
    scores = [
        *consistency_scores(agreed, judge.classes, section),
        *tstr_score(held_out, auxiliary, section),
        *mask_scores(synthetic, fitting, train, held_out, judge.classes, section),
        *fidelity,
        *sharpness_scores(power, train, held_out, section),
        *diversity_scores(synthetic, train, section),
        *privacy,
        alarm_score([*fidelity, *privacy]),
    ]
    table = {
        "dice": agreed.dice,
        "plausible": fitting,
        "upper_power": power,
        "nearest": found.nearest,
        "nearest_distance": found.distance,
        "copied": found.copied,
    }
    return scores, pd.DataFrame(table)


def consistency_scores(
    agreed: Consistency, classes: tuple[str, ...], section: EvaluateSection
) -> list[Score]:
    """The judge's verdict with its controls, then its Dice for each class where masks show it."""
    seed = section.seed
    whole = {
        "consistency": agreed.pairs,
        "consistency_real": agreed.real,
        "consistency_shuffled": agreed.shuffled,
        "consistency_constant": agreed.constant,
        "consistency_closed": agreed.closed,
        "consistency_over_constant": agreed.over_constant,
    }
    scores = [Score.of(name, estimate, seed=seed) for name, estimate in whole.items()]
    for suffix, surface in (("", agreed.surface), ("_real", agreed.surface_real)):
        settings = {"tolerance_mm": section.tolerance_mm, "seed": seed}
        scores.append(Score.of(f"consistency_nsd{suffix}", surface.nsd, **settings))
        scores.append(Score.of(f"consistency_hd95{suffix}", surface.hd95, seed=seed))
    answered = np.isfinite(agreed.dice)
    for index, name in enumerate(classes):
        shown = answered & agreed.found.positive[:, index]
        estimate = bca_mean(agreed.found.dice[shown, index], seed=seed)
        scores.append(Score.of("consistency", estimate, seed=seed, **{"class": name}))
    return scores


def tstr_score(
    held_out: Block, auxiliary: AuxiliaryModels, section: EvaluateSection
) -> list[Score]:
    """The Dice on real held-out pairs of what learned from the synthetic ones."""
    if auxiliary.tstr_segmenter is None:
        return []
    dice, units = judged(held_out, auxiliary.tstr_segmenter)
    estimate = bca_mean(dice, units, seed=section.seed)
    return [Score.of("tstr_dice", estimate, seed=section.seed)]


def finding_scores(
    synthetic: Block, held_out: Block, auxiliary: AuxiliaryModels, section: EvaluateSection
) -> list[Score]:
    """Whether images show the finding they were asked for, by a classifier of real ones."""
    if auxiliary.finding_classifier is None:
        return []
    found = finding_agreement(synthetic, held_out, auxiliary.finding_classifier, seed=section.seed)
    estimates = {
        "finding_agreement": found.pairs.balanced_accuracy,
        "finding_agreement_real": found.real.balanced_accuracy,
        "finding_agreement_shuffled": found.shuffled.balanced_accuracy,
        "finding_agreement_closed": found.closed,
    }
    return [Score.of(name, e, seed=section.seed) for name, e in estimates.items()]


def mask_scores(
    synthetic: Block,
    fitting: NDArray[np.float64],
    train: Block,
    held_out: Block,
    classes: tuple[str, ...],
    section: EvaluateSection,
) -> list[Score]:
    """Whether masks could be anatomy, and whether they show what their prompts asked for.

    `fitting` is, of each synthetic pair, 1.0 where its mask is plausible, NaN where it is absent.
    """
    theirs, seed = with_masks(held_out), section.seed
    real = plausible(theirs.masks, with_masks(train).masks, len(classes))
    asked = prompt_agreement(synthetic, classes, seed=seed)
    estimates = {
        "plausible_share": bca_mean(fitting[np.isfinite(fitting)], seed=seed),
        "plausible_share_real": bca_mean(real, units_of(theirs), seed=seed),
        "asked_present": asked.asked_present,
        "unasked_absent": asked.unasked_absent,
    }
    return [Score.of(name, estimate, seed=seed) for name, estimate in estimates.items()]


def sharpness_scores(
    power: NDArray[np.float64], train: Block, held_out: Block, section: EvaluateSection
) -> list[Score]:
    """Sharpness of the synthetic images, and of the real training ones as its control."""
    reference, units = upper_power(held_out.images), units_of(held_out)
    controls = upper_power(train.images)
    return [
        Score.of(name, sharpness(values, reference, units, seed=section.seed), seed=section.seed)
        for name, values in (("sharpness", power), ("sharpness_real", controls))
    ]


def diversity_scores(synthetic: Block, train: Block, section: EvaluateSection) -> list[Score]:
    """How alike synthetic images are, beside how alike real training images are."""
    # Loads torch, which nothing else here needs.
    from evaluation.fidelity.ms_ssim import pairwise_ms_ssim

    count, seed = section.ms_ssim_pairs, section.seed
    ours = pairwise_ms_ssim(synthetic.images, pairs=count, seed=seed)
    real = pairwise_ms_ssim(train.images, pairs=count, seed=seed)
    value = ours.estimate(seed)
    at = [real.share_below(bound) for bound in (value.value, value.low, value.high)]
    rank = Estimate(at[0], at[1], at[2], value.n)
    estimates = {"ms_ssim": value, "ms_ssim_real": real.estimate(seed), "ms_ssim_rank": rank}
    return [Score.of(name, e, pairs=count, seed=seed) for name, e in estimates.items()]


def privacy_scores(found: NearestNeighbourDistances, section: EvaluateSection) -> list[Score]:
    """Near copies with their controls, and what the pairs tell about who was trained on."""
    seed = section.seed
    p, count = copying_p(found, seed=seed), len(found.distance)
    shares = {
        "memorised_share": found.share,
        "memorised_share_real": found.held_out_share,
        "memorised_excess": difference(found.share, found.held_out_share),
    }
    others = {
        "memorised_certifiable": found.certifiable,
        "authenticity": authenticity(found, seed=seed),
        "authenticity_real": authenticity(found, held_out=True, seed=seed),
        "dcr_share": dcr_share(found, seed=seed),
        "membership_advantage": membership_advantage(found, seed=seed),
        "copying_p": Estimate(p, float("nan"), float("nan"), count),
    }
    return [
        *(Score.of(name, share, quantile=QUANTILE) for name, share in shares.items()),
        *(Score.of(name, estimate, seed=seed) for name, estimate in others.items()),
    ]


def alarm_score(scores: Sequence[Score]) -> Score:
    """How many tests of a domain's pairs found a difference that chance does not explain."""
    found = {score.metric: score.value for score in scores if score.whole}
    p_values = {test: found[metric] for test, metric in TESTS.items() if metric in found}
    known = [p for p in p_values.values() if np.isfinite(p)]
    count = float(len(raised(p_values))) if known else float("nan")
    return Score.of("alarms", Estimate(count, float("nan"), float("nan"), len(known)), level=LEVEL)
