"""Scores one version of synthetic pairs against real ones, domain by domain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.agreement.judge_agreement import Judge
from evaluation.errors import InputError
from evaluation.features.names import LATER, kind_of
from evaluation.features.registry import content_of
from evaluation.gating.pair_metrics import PAIR_NUMBERS
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.former_names import RETIRED, first_name
from evaluation.metrics.metric import Need
from evaluation.metrics.registry import METRICS, Score, over_domains
from evaluation.pairs import Block, Pairs, by_domain, domain_of, real_part, take
from evaluation.scoring.domain import pair_numbers_of, score_domain
from evaluation.scoring.judges import AuxiliaryModels
from evaluation.settings import EvaluateSection, first_named
from evaluation.volumes.stacks import in_volumes

if TYPE_CHECKING:
    from evaluation.privacy.image_distance import DistanceCache

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class VersionScores:
    """All that scoring found.

    Attributes:
        scores: of each domain (and class, and facet), then the headlines over domains.
        pairs: a row per synthetic pair, in order: pair, domain, and the columns of
            `domain.pair_numbers_of`, nearest being a row of all training pairs.
    """

    scores: tuple[Score, ...]
    pairs: pd.DataFrame


def config_digest(section: EvaluateSection) -> str:
    """Digest of all that scores depend on besides what is scored, the real pairs and the judge.

    That is the section, and the version of every score, of every number of a pair and of the
    features: where one of them is computed anew, so are the scores. Names enter as they were
    first called, and so do scores that are no longer measured: what a lake keeps stays valid. Of
    sets of features that came later, only those enter that the section names; scores of volumes,
    which came later too, do not enter in their first version.
    """
    absent = {*LATER, Need.VOLUMES} - set(section.features)
    versions = {
        first_name(name): metric.version
        for name, metric in METRICS.items()
        if not metric.needs & absent or (Need.VOLUMES in metric.needs and metric.version > 1)
    }
    # Where a file of features lies is no part of what it says: a home that was moved keeps its scores.
    kinds = section.model_copy(update={"features": tuple(map(kind_of, section.features))})
    content = {
        "section": first_named(kinds),
        "scores": {**versions, **RETIRED},
        "pairs": {name: number.version for name, number in PAIR_NUMBERS.items()},
        "features": {kind_of(name): content_of(name) for name in section.features},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def score_version(
    synthetic: Pairs,
    train: Pairs,
    held_out: Pairs,
    judges: Mapping[str, Judge],
    section: EvaluateSection,
    auxiliary: Mapping[str, AuxiliaryModels] | None = None,
    rejected: Pairs | None = None,
    distances: DistanceCache | None = None,
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
        distances: of images that were compared before, when single pairs were gated.

    Raises:
        InputError: if there are no pairs, or a domain has no real pairs or no judge.
    """
    if not len(synthetic):
        raise InputError("there are no pairs to score; all were rejected or none were made")
    models, parts = auxiliary or {}, []
    unserved: dict[str, frozenset[Need]] = {}
    for domain, at in by_domain(synthetic):
        judge, others = judges.get(domain), models.get(domain, AuxiliaryModels())
        context = ScoringContext(
            take(synthetic, at),
            real_part(train, domain, "training"),
            real_part(held_out, domain, "held-out"),
            section,
            judge,
            others.encoder,
            others.tstr_segmenter,
            others.finding_classifier,
            _part(rejected, domain),
            distances,
        )
        unserved[domain] = _unserved(context)
        parts.append(_score_part(context, domain, at, np.flatnonzero(domain_of(train) == domain)))
    if rejected is not None:  # where a domain has no pair left, nothing is known of it
        unserved |= dict.fromkeys({*domain_of(rejected)} - {*unserved}, frozenset())
    scores = [score for found, _ in parts for score in found]
    pairs = pd.concat([table for _, table in parts]).sort_values("pair", ignore_index=True)
    return VersionScores((*scores, *_headlines(scores, unserved)), pairs)


def _part(rejected: Pairs | None, domain: str) -> Block | None:
    """The rejected pairs of a domain; none, but not None, where only other domains have some."""
    if rejected is None or not len(rejected):
        return None
    return take(rejected, domain_of(rejected) == domain)


def _score_part(
    context: ScoringContext, domain: str, at: Rows, train_rows: Rows
) -> tuple[list[Score], pd.DataFrame]:
    if context.masked and context.judge is None:
        raise InputError(f"domain {domain!r} has no judge, so its pairs cannot be scored")
    scores, table = list(score_domain(context)), pair_numbers_of(context)
    table["nearest"] = train_rows[table["nearest"]]
    table.insert(0, "domain", domain)
    table.insert(0, "pair", at)
    return [replace(s, parameters={**s.parameters, "domain": domain}) for s in scores], table


def _unserved(context: ScoringContext) -> frozenset[Need]:
    """What the real pairs of a domain do not give: scores that need it are not expected there."""
    given = {
        Need.MASKS: bool(np.any(context.train.has_mask)),
        Need.VOLUMES: bool(in_volumes(context.train).any()),
        Need.FINDING_CLASSIFIER: context.finding_classifier is not None,
    }
    return frozenset(need for need, there in given.items() if not there)


def _headlines(scores: Sequence[Score], unserved: Mapping[str, frozenset[Need]]) -> list[Score]:
    """The mean of each metric over the domains whose real pairs let it be measured."""
    whole = [score for score in scores if score.whole]
    found = []
    for name in dict.fromkeys(score.metric for score in whole):
        needs = METRICS[name].needs
        domains = [domain for domain, lacking in unserved.items() if not needs & lacking]
        found.append(over_domains([score for score in whole if score.metric == name], domains))
    return found
