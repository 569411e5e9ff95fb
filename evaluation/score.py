"""Scores one version of synthetic pairs against real ones, domain by domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.consistency import Judge
from evaluation.domain_scores import score_domain
from evaluation.errors import InputError
from evaluation.image_scores import score_images
from evaluation.metrics import Score, over_domains
from evaluation.pairs import Block, Pairs, by_domain, domain_of, take, with_masks
from evaluation.sections import EvaluateSection

if TYPE_CHECKING:
    from evaluation.learners import Segmenter, Step


@dataclass(frozen=True, eq=False)
class VersionScores:
    """All that scoring found.

    Attributes:
        scores: of each domain (and class), then the headlines over domains.
        pairs: a row per synthetic pair, in order: pair, domain, dice (judge against mask; NaN
            where the mask is empty or absent), upper_power, nearest (row of the nearest training
            pair), nearest_distance, copied.
    """

    scores: tuple[Score, ...]
    pairs: pd.DataFrame


def new_judge(
    train: Pairs, domain: str, classes: Sequence[str], section: EvaluateSection
) -> tuple[Segmenter, Iterator[Step]]:
    """A judge of one domain and the loop that trains it: exhaust the loop, then use the judge.

    Raises:
        InputError: if the domain has no real training pair with a mask.
    """
    # Recipes hold this module's section and must be read without waiting for torch.
    from evaluation.learners import new_segmenter, train_segmenter

    real = with_masks(_part(train, domain, "training"))
    channels = real.images.shape[-1]
    judge = new_segmenter(section.judge, channels, classes, seed=section.seed)
    loop = train_segmenter(judge, [real], steps=section.judge_steps, seed=section.seed)
    return judge, loop


def score_version(
    synthetic: Pairs,
    train: Pairs,
    held_out: Pairs,
    judges: Mapping[str, Judge],
    section: EvaluateSection,
) -> VersionScores:
    """Scores every domain that the synthetic pairs hold, and their mean.

    Args:
        synthetic: the accepted pairs of the version.
        train: all real training pairs.
        held_out: real pairs of other patients; validation data, unless the test split is open.
        judges: of each domain with synthetic masks, trained on `train` alone.
        section: of the recipe.

    Raises:
        InputError: if there are no pairs, or a domain has no real pairs or no judge.
    """
    if not len(synthetic):
        raise InputError("there are no pairs to score; all were rejected or none were made")
    parts = [
        _score_part(synthetic, at, train, held_out, domain, judges, section)
        for domain, at in by_domain(synthetic)
    ]
    scores = [score for found, _ in parts for score in found]
    pairs = pd.concat([table for _, table in parts]).sort_values("pair", ignore_index=True)
    return VersionScores((*scores, *_headlines(scores)), pairs)


def _score_part(
    synthetic: Pairs,
    at: NDArray[np.intp],
    train: Pairs,
    held_out: Pairs,
    domain: str,
    judges: Mapping[str, Judge],
    section: EvaluateSection,
) -> tuple[list[Score], pd.DataFrame]:
    masked = bool(np.any(synthetic.has_mask[at]))
    if masked and domain not in judges:
        raise InputError(f"domain {domain!r} has no judge, so its pairs cannot be scored")
    real = _part(train, domain, "training"), _part(held_out, domain, "held-out")
    if masked:
        scores, table = score_domain(take(synthetic, at), *real, judges[domain], section)
    else:
        scores, table = score_images(take(synthetic, at), *real, section)
    rows = np.flatnonzero(domain_of(train) == domain)
    table["nearest"] = rows[table["nearest"]]
    table.insert(0, "domain", domain)
    table.insert(0, "pair", at)
    return [replace(s, parameters={**s.parameters, "domain": domain}) for s in scores], table


def _headlines(scores: Sequence[Score]) -> list[Score]:
    whole = [score for score in scores if "class" not in score.parameters]
    names = dict.fromkeys(score.metric for score in whole)
    return [over_domains([s for s in whole if s.metric == name]) for name in names]


def _part(pairs: Pairs, domain: str, what: str) -> Block:
    part = take(pairs, domain_of(pairs) == domain)
    if not len(part):
        raise InputError(f"domain {domain!r} has no real {what} pairs to be scored against")
    return part
