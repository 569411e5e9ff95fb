"""Scores one version of synthetic pairs against real ones, domain by domain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.agreement.judge_agreement import Judge
from evaluation.errors import InputError
from evaluation.features.registry import content_of
from evaluation.gating.pair_metrics import PAIR_NUMBERS
from evaluation.image_scores import score_images
from evaluation.metrics.registry import METRICS, Score, over_domains
from evaluation.pairs import Pairs, by_domain, domain_of, real_part, take
from evaluation.rejection import unfiltered_scores
from evaluation.scoring.domain import finding_scores, score_domain
from evaluation.scoring.judges import AuxiliaryModels
from evaluation.settings import EvaluateSection


@dataclass(frozen=True, eq=False)
class VersionScores:
    """All that scoring found.

    Attributes:
        scores: of each domain (and class, and facet), then the headlines over domains.
        pairs: a row per synthetic pair, in order: pair, domain, dice (judge against mask; NaN
            where the mask is empty or absent), upper_power, nearest (row of the nearest training
            pair), nearest_distance, copied.
    """

    scores: tuple[Score, ...]
    pairs: pd.DataFrame


def terms(section: EvaluateSection) -> str:
    """Digest of all that scores depend on besides what is scored, the real pairs and the judge.

    That is the section, and the version of every score, of every number of a pair and of the
    features: where one of them is computed anew, so are the scores.
    """
    told = {
        "section": section.model_dump(mode="json"),
        "scores": {name: metric.version for name, metric in METRICS.items()},
        "pairs": {name: number.version for name, number in PAIR_NUMBERS.items()},
        "features": {name: content_of(name) for name in section.features},
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def score_version(
    synthetic: Pairs,
    train: Pairs,
    held_out: Pairs,
    judges: Mapping[str, Judge],
    section: EvaluateSection,
    auxiliary: Mapping[str, AuxiliaryModels] | None = None,
    rejected: Pairs | None = None,
) -> VersionScores:
    """Scores every domain that the synthetic pairs hold, and their mean.

    Args:
        synthetic: the accepted pairs of the version.
        train: all real training pairs.
        held_out: real pairs of other patients; validation data, unless the test split is open.
        judges: of each domain with synthetic masks, trained on `train` alone.
        section: of the recipe.
        auxiliary: of each domain, other models that scores use; those without one are absent.
        rejected: pairs that were made with those and rejected, if any.

    Raises:
        InputError: if there are no pairs, or a domain has no real pairs or no judge.
    """
    if not len(synthetic):
        raise InputError("there are no pairs to score; all were rejected or none were made")
    parts = [
        _score_part(synthetic, at, train, held_out, domain, judges, section, auxiliary or {})
        for domain, at in by_domain(synthetic)
    ]
    scores = [score for found, _ in parts for score in found]
    pairs = pd.concat([table for _, table in parts]).sort_values("pair", ignore_index=True)
    if rejected is not None:
        scores += unfiltered_scores(pairs, rejected, judges, section)
    return VersionScores((*scores, *_headlines(scores)), pairs)


def _score_part(
    synthetic: Pairs,
    at: NDArray[np.intp],
    train: Pairs,
    held_out: Pairs,
    domain: str,
    judges: Mapping[str, Judge],
    section: EvaluateSection,
    auxiliary: Mapping[str, AuxiliaryModels],
) -> tuple[list[Score], pd.DataFrame]:
    masked = bool(np.any(synthetic.has_mask[at]))
    if masked and domain not in judges:
        raise InputError(f"domain {domain!r} has no judge, so its pairs cannot be scored")
    real = real_part(train, domain, "training"), real_part(held_out, domain, "held-out")
    ours, own = take(synthetic, at), auxiliary.get(domain, AuxiliaryModels())
    if masked:
        scores, table = score_domain(ours, *real, judges[domain], section, own)
    else:
        scores, table = score_images(ours, *real, section)
    scores += finding_scores(ours, real[1], own, section)
    rows = np.flatnonzero(domain_of(train) == domain)
    table["nearest"] = rows[table["nearest"]]
    table.insert(0, "domain", domain)
    table.insert(0, "pair", at)
    return [replace(s, parameters={**s.parameters, "domain": domain}) for s in scores], table


def _headlines(scores: Sequence[Score]) -> list[Score]:
    whole = [score for score in scores if score.whole]
    names = dict.fromkeys(score.metric for score in whole)
    return [over_domains([s for s in whole if s.metric == name]) for name in names]
