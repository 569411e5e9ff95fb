"""Scores one version of synthetic pairs against real ones, domain by domain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.consistency import Judge
from evaluation.domain_scores import score_domain
from evaluation.errors import InputError
from evaluation.extractors import content_of
from evaluation.features import Extractor
from evaluation.image_scores import score_images
from evaluation.metrics import METRICS, Score, over_domains
from evaluation.pair_numbers import PAIR_NUMBERS
from evaluation.pairs import Pairs, by_domain, domain_of, real_part, take, with_masks
from evaluation.rejection import unfiltered_scores
from evaluation.sections import EvaluateSection

if TYPE_CHECKING:
    from evaluation.encoder import Encoder
    from evaluation.learners import Segmenter, Step


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


def new_judge(
    train: Pairs, domain: str, classes: Sequence[str], section: EvaluateSection
) -> tuple[Segmenter, Iterator[Step]]:
    """A judge of one domain and the loop that trains it: exhaust the loop, then use the judge.

    Raises:
        InputError: if the domain has no real training pair with a mask.
    """
    # Recipes hold this module's section and must be read without waiting for torch.
    from evaluation.learners import new_segmenter, train_segmenter

    real = with_masks(real_part(train, domain, "training"))
    channels = real.images.shape[-1]
    judge = new_segmenter(section.judge, channels, classes, seed=section.seed)
    loop = train_segmenter(judge, [real], steps=section.judge_steps, seed=section.seed)
    return judge, loop


def new_encoder(
    train: Pairs, domain: str, classes: Sequence[str], section: EvaluateSection
) -> tuple[Encoder, Iterator[Step]]:
    """An encoder of one domain and the loop that trains it: exhaust the loop, then use it.

    Raises:
        InputError: if the domain has no real training pair with a mask.
    """
    from evaluation import encoder

    real, seed = real_part(train, domain, "training"), section.seed
    ours = encoder.new_encoder(real.images.shape[-1], classes, seed=seed)
    return ours, encoder.train_encoder(ours, real, steps=section.encoder_steps, seed=seed)


def score_version(
    synthetic: Pairs,
    train: Pairs,
    held_out: Pairs,
    judges: Mapping[str, Judge],
    section: EvaluateSection,
    encoders: Mapping[str, Extractor] | None = None,
    rejected: Pairs | None = None,
) -> VersionScores:
    """Scores every domain that the synthetic pairs hold, and their mean.

    Args:
        synthetic: the accepted pairs of the version.
        train: all real training pairs.
        held_out: real pairs of other patients; validation data, unless the test split is open.
        judges: of each domain with synthetic masks, trained on `train` alone.
        section: of the recipe.
        encoders: of each domain, trained on `train` alone; where one is missing and the section
            asks for it, it is trained here.
        rejected: pairs that were made with those and rejected, if any.

    Raises:
        InputError: if there are no pairs, or a domain has no real pairs or no judge.
    """
    if not len(synthetic):
        raise InputError("there are no pairs to score; all were rejected or none were made")
    parts = [
        _score_part(synthetic, at, train, held_out, domain, judges, section, encoders or {})
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
    encoders: Mapping[str, Extractor],
) -> tuple[list[Score], pd.DataFrame]:
    masked = bool(np.any(synthetic.has_mask[at]))
    if masked and domain not in judges:
        raise InputError(f"domain {domain!r} has no judge, so its pairs cannot be scored")
    real = real_part(train, domain, "training"), real_part(held_out, domain, "held-out")
    ours = take(synthetic, at)
    if masked:
        scores, table = score_domain(ours, *real, judges[domain], section, encoders.get(domain))
    else:
        scores, table = score_images(ours, *real, section)
    rows = np.flatnonzero(domain_of(train) == domain)
    table["nearest"] = rows[table["nearest"]]
    table.insert(0, "domain", domain)
    table.insert(0, "pair", at)
    return [replace(s, parameters={**s.parameters, "domain": domain}) for s in scores], table


def _headlines(scores: Sequence[Score]) -> list[Score]:
    whole = [score for score in scores if score.whole]
    names = dict.fromkeys(score.metric for score in whole)
    return [over_domains([s for s in whole if s.metric == name]) for name in names]
