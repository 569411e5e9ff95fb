"""Scores of one version: judges trained on real pairs, then every number about the pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.features.simclr_encoder import Encoder, load_encoder, save_encoder
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.networks.classifier import Classifier, load_classifier, save_classifier
from evaluation.networks.segmenter import Segmenter, load_segmenter, save_segmenter
from evaluation.networks.training_loop import Step
from evaluation.networks.weights import read_back
from evaluation.pairs import Pairs, by_domain, domain_of, take
from evaluation.scoring.judges import (
    AuxiliaryModels,
    learnable_findings,
    new_encoder,
    new_finding_classifier,
    new_judge,
)
from evaluation.scoring.version import VersionScores, config_digest, score_version
from evaluation.settings import EvaluateSection
from factory.identity import digest
from factory.pairs import PairBatch
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage


@task(task_run_name="judges", cache_policy=NO_CACHE, persist_result=False)
def train_judges(
    reference: Reference,
    domains: Iterable[str],
    section: EvaluateSection,
    folder: Path,
    record: Record,
) -> dict[str, Segmenter]:
    """A judge for each of these domains, read back where it was trained before."""
    cache = ModelCache(reference, section, folder, record)
    return {name: cache.judge(name) for name in sorted(domains)}


@task(task_run_name="auxiliary", cache_policy=NO_CACHE, persist_result=False)
def train_auxiliary_models(
    reference: Reference,
    subject: str,
    pairs: Pairs,
    section: EvaluateSection,
    folder: Path,
    record: Record,
) -> dict[str, AuxiliaryModels]:
    """The other models that the section asks for, of every domain; read back likewise."""
    cache = ModelCache(reference, section, folder, record)
    return {name: cache.auxiliary_models(name, subject, pairs) for name, _ in by_domain(pairs)}


@task(task_run_name="scores", cache_policy=NO_CACHE, persist_result=False)
def score_pairs(
    synthetic: PairBatch,
    reference: Reference,
    judges: Mapping[str, Segmenter],
    section: EvaluateSection,
    auxiliary: Mapping[str, AuxiliaryModels],
    rejected: PairBatch | None = None,
) -> VersionScores:
    """Every score of the pairs, by domain and over all."""
    with stage(f"scoring {len(synthetic)} pairs"):
        real = reference.train, reference.held_out
        known = reference.distances
        return score_version(synthetic, *real, judges, section, auxiliary, rejected, known)


@task(task_run_name="record-scores", cache_policy=NO_CACHE, persist_result=False)
def record_scores(
    lake: Lake,
    about: ScoreKey,
    section: EvaluateSection,
    pairs_id: str,
    synthetic: PairBatch,
    found: VersionScores,
) -> None:
    """Writes the scores of a version (A) and those of its pairs (G) to the lake."""
    lake.record(about, found.scores)
    lake.record_pairs(replace(about, subject=pairs_id), pair_table(synthetic, found))
    # Last: a scoring that was cut short must not count as one.
    lake.record_scoring(about, config_digest(section), pairs_id, found.scores)


def pair_table(synthetic: PairBatch, found: VersionScores) -> pd.DataFrame:
    """A row per pair with the row of the data set it lies in, and one column per number."""
    rows = synthetic.facets["row"].to_numpy()[found.pairs["pair"]]
    return found.pairs.drop(columns="pair").assign(row=rows).astype({"copied": "float64"})


def judges_digest(judges: Mapping[str, Segmenter]) -> str:
    """One digest of all judges."""
    return digest({name: judge.digest for name, judge in judges.items()})


Model = TypeVar("Model")


@dataclass(frozen=True, eq=False)
class ModelCache:
    """Where models of the evaluation are trained, or read back if they were before.

    Attributes:
        reference: the real pairs.
        section: of the recipe.
        folder: below which they are kept.
        record: of the run.
    """

    reference: Reference
    section: EvaluateSection
    folder: Path
    record: Record

    def judge(self, domain: str) -> Segmenter:
        """A segmenter that learned from the real training pairs."""
        title = f"the judge of {domain}"
        return self._segmenter("judge", title, domain, self.reference.train, self.reference.taught)

    def auxiliary_models(self, domain: str, subject: str, pairs: Pairs) -> AuxiliaryModels:
        """Whatever else the section asks for in one domain."""
        return AuxiliaryModels(
            encoder=self._encoder(domain) if "encoder" in self.section.features else None,
            tstr_segmenter=self._tstr_segmenter(domain, subject, pairs)
            if self.section.tstr
            else None,
            finding_classifier=self.finding_classifier(domain)
            if self.section.finding_classifier_steps
            else None,
        )

    def _tstr_segmenter(self, domain: str, subject: str, pairs: Pairs) -> Segmenter | None:
        ours = take(pairs, domain_of(pairs) == domain)
        if not ours.masks[np.asarray(ours.has_mask, bool)].any():
            return None
        title = f"a segmenter of the synthetic pairs of {domain}"
        taught = {"subject": subject, "pairs": len(pairs)}  # of which `evaluate.sample` draws some
        return self._segmenter("tstr-segmenter", title, domain, pairs, taught)

    def _segmenter(
        self, role: str, title: str, domain: str, train: Pairs, taught: Mapping[str, object]
    ) -> Segmenter:
        section = self.section
        what = {**taught, "section": [section.judge, section.judge_steps, section.seed]}
        classes = self.reference.domains[domain].classes
        return self._trained(
            f"{role}s",
            title,
            self._place(f"{role}s", domain, what),
            section.judge_steps,
            lambda: new_judge(train, domain, classes, section),
            load_segmenter,
            save_segmenter,
        )

    def _encoder(self, domain: str) -> Encoder:
        section, reference = self.section, self.reference
        what = {**reference.taught, "section": [section.encoder_steps, section.seed]}
        classes, channels = reference.domains[domain].classes, reference.train.images.shape[-1]
        return self._trained(
            "encoders",
            f"the encoder of {domain}",
            self._place("encoders", domain, what),
            section.encoder_steps,
            lambda: new_encoder(reference.train, domain, classes, section),
            lambda place: load_encoder(place, channels, classes),
            save_encoder,
        )

    def finding_classifier(self, domain: str) -> Classifier | None:
        """A classifier of the findings of real training images; None where there are too few."""
        section, reference = self.section, self.reference
        if not learnable_findings(reference.train, domain):
            return None
        what = {
            **reference.taught,
            "section": [section.finding_classifier, section.finding_classifier_steps, section.seed],
        }
        return self._trained(
            "finding-classifiers",
            f"the classifier of findings of {domain}",
            self._place("finding-classifiers", domain, what),
            section.finding_classifier_steps,
            lambda: new_finding_classifier(reference.train, domain, section),
            load_classifier,
            save_classifier,
        )

    def _place(self, kind: str, domain: str, what: Mapping[str, object]) -> Path:
        return self.folder / kind / f"{domain}-{digest(dict(what))[:12]}"

    def _trained(
        self,
        kind: str,
        title: str,
        place: Path,
        steps: int,
        new: Callable[[], tuple[Model, Iterator[Step]]],
        load: Callable[[Path], Model],
        save: Callable[[Model, Path], None],
    ) -> Model:
        if (kept := read_back(load, place)) is not None:
            return kept
        model, loop = new()
        # Another section makes another judge of the same domain, with a curve of its own.
        name, purpose = f"{title}, {place.name[-12:]}", kind.removesuffix("s")
        with self.record.child(name, {"purpose": purpose}) as child:
            child.parameters({"learns": title, "steps": steps})
            follow(loop, f"training {title}", steps, child)
        save(model, place)
        return model


def follow(loop: Iterator[Step], title: str, steps: int, record: Record) -> None:
    """Exhausts a training, showing its steps and recording its curve."""
    points: list[tuple[int, Mapping[str, float]]] = []
    with stage(title, total=steps) as progress:
        for step in loop:
            progress.advance(note=f"loss {step.loss:.3f}")
            extra = {} if step.validation is None else {"validation": step.validation}
            points.append((step.number, {"loss": step.loss, **extra}))
    record.curve(points)
