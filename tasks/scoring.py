"""Scores of one version: judges trained on real pairs, then every number about the pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.encoder import Encoder, load_encoder, save_encoder
from evaluation.lake import Lake
from evaluation.learners import Segmenter, Step, load_segmenter, save_segmenter
from evaluation.score import VersionScores, new_encoder, new_judge, score_version, terms
from evaluation.sections import EvaluateSection
from evaluation.tables import About
from factory.identity import digest
from factory.pairs import PairBatch
from tasks.progress import stage
from tasks.reference import Reference
from tasks.tracking import Record


@task(task_run_name="judges", cache_policy=NO_CACHE, persist_result=False)
def train_judges(
    reference: Reference,
    domains: Iterable[str],
    section: EvaluateSection,
    folder: Path,
    record: Record,
) -> dict[str, Segmenter]:
    """A judge for each of these domains, read back where it was trained before."""
    return {name: _judge(reference, name, section, folder, record) for name in sorted(domains)}


@task(task_run_name="encoders", cache_policy=NO_CACHE, persist_result=False)
def train_encoders(
    reference: Reference,
    domains: Iterable[str],
    section: EvaluateSection,
    folder: Path,
    record: Record,
) -> dict[str, Encoder]:
    """An encoder for each of these domains, if the section names it; read back likewise."""
    if "encoder" not in section.features:
        return {}
    return {name: _encoder(reference, name, section, folder, record) for name in sorted(domains)}


@task(task_run_name="scores", cache_policy=NO_CACHE, persist_result=False)
def score_pairs(
    synthetic: PairBatch,
    reference: Reference,
    judges: Mapping[str, Segmenter],
    section: EvaluateSection,
    encoders: Mapping[str, Encoder],
    rejected: PairBatch | None = None,
) -> VersionScores:
    """Every score of the pairs, by domain and over all."""
    with stage(f"scoring {len(synthetic)} pairs"):
        real = reference.train, reference.held_out
        return score_version(synthetic, *real, judges, section, encoders, rejected)


@task(task_run_name="record-scores", cache_policy=NO_CACHE, persist_result=False)
def record_scores(
    lake: Lake,
    about: About,
    section: EvaluateSection,
    pairs_id: str,
    synthetic: PairBatch,
    found: VersionScores,
) -> None:
    """Writes the scores of a version (A) and those of its pairs (G) to the lake."""
    lake.record(about, found.scores)
    lake.record_pairs(replace(about, subject=pairs_id), pair_table(synthetic, found))
    # Last: a scoring that was cut short must not count as one.
    lake.record_scoring(about, terms(section), pairs_id, found.scores)


def pair_table(synthetic: PairBatch, found: VersionScores) -> pd.DataFrame:
    """A row per pair with the row of the data set it lies in, and one column per number."""
    rows = synthetic.facets["row"].to_numpy()[found.pairs["pair"]]
    return found.pairs.drop(columns="pair").assign(row=rows).astype({"copied": "float64"})


def judges_digest(judges: Mapping[str, Segmenter]) -> str:
    """One digest of all judges."""
    return digest({name: judge.digest for name, judge in judges.items()})


def _judge(
    reference: Reference, domain: str, section: EvaluateSection, folder: Path, record: Record
) -> Segmenter:
    taught = {**reference.taught, "section": [section.judge, section.judge_steps, section.seed]}
    place = folder / f"{domain}-{digest(taught)[:12]}"
    if place.is_dir():
        return load_segmenter(place)
    classes = reference.domains[domain].classes
    judge, loop = new_judge(reference.train, domain, classes, section)
    with record.child(f"judge-{domain}", {"purpose": "judge"}) as child:
        follow(loop, f"training the judge of {domain}", section.judge_steps, child)
    save_segmenter(judge, place)
    return judge


def _encoder(
    reference: Reference, domain: str, section: EvaluateSection, folder: Path, record: Record
) -> Encoder:
    taught = {**reference.taught, "section": [section.encoder_steps, section.seed]}
    place, classes = folder / f"{domain}-{digest(taught)[:12]}", reference.domains[domain].classes
    if place.is_dir():
        return load_encoder(place, reference.train.images.shape[-1], classes)
    encoder, loop = new_encoder(reference.train, domain, classes, section)
    with record.child(f"encoder-{domain}", {"purpose": "encoder"}) as child:
        follow(loop, f"training the encoder of {domain}", section.encoder_steps, child)
    save_encoder(encoder, place)
    return encoder


def follow(loop: Iterator[Step], title: str, steps: int, record: Record) -> None:
    """Exhausts a training, showing its steps and recording its curve."""
    points: list[tuple[int, Mapping[str, float]]] = []
    with stage(title, total=steps) as progress:
        for step in loop:
            progress.advance(note=f"loss {step.loss:.3f}")
            seen = {} if step.validation is None else {"validation": step.validation}
            points.append((step.number, {"loss": step.loss, **seen}))
    record.curve(points)
