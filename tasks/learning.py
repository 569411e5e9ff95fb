"""Training of generators: the loop yields, this module shows and records its steps."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from filelock import FileLock
from prefect import task
from prefect.cache_policies import NO_CACHE

from factory.identity import digest
from factory.images import ImageSection
from factory.sections import MedSegFactorySpec
from factory.sources.base import Source
from factory.training.medsegfactory import Lesson
from factory.training.progress import Progress
from tasks.progress import stage
from tasks.tracking import Record

CARD = "card.json"  # written last: a checkpoint folder that has one is complete
RECORD_SECONDS = 20.0  # between two writes of losses to the record


def checkpoint_folder(
    models: Path, dataset: str, spec: MedSegFactorySpec, source_digest: str, image: ImageSection
) -> Path:
    """Where the checkpoint of this training lies: the same training, the same folder."""
    identity = {
        "source": source_digest,
        "image": image.model_dump(mode="json"),
        "generator": spec.model_dump(mode="json", exclude={"sample"}),
    }
    return models / f"{dataset}-{digest(identity)[:12]}"


def lesson_from(source: Source, image: ImageSection) -> Lesson:
    """Training and validation pairs of a source; never its test split."""
    return Lesson(
        train=source.read("train", image),
        held_out=source.read("val", image),
        domains=source.domains,
        image=image,
        source_digest=source.digest,
        licence=source.licence,
    )


@task(task_run_name="train-{spec.kind}", cache_policy=NO_CACHE, persist_result=False)
def learn(
    spec: MedSegFactorySpec, source: Source, image: ImageSection, folder: Path, record: Record
) -> Path:
    """Trains a generator into a folder, going on where an earlier attempt stopped."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / CARD).is_file():
            watch(spec.learn(lesson_from(source, image), folder), record)
    return folder


def watch(steps: Iterable[Progress], record: Record) -> None:
    """Exhausts a training loop, showing each of its stages and recording its losses."""
    for title, part in groupby(steps, key=lambda progress: progress.stage):
        points: list[tuple[int, Mapping[str, float]]] = []
        written = time.monotonic()
        for progress in _shown(f"training: {title}", part):
            named = {f"{title}/{name}": value for name, value in progress.losses.items()}
            points.append((progress.step, named))
            if time.monotonic() - written > RECORD_SECONDS:
                record.curve(points)
                points, written = [], time.monotonic()
        record.curve(points)


def _shown(title: str, steps: Iterator[Progress]) -> Iterator[Progress]:
    first = next(steps)
    with stage(title, total=first.steps) as progress:
        progress.advance(first.step)
        yield first
        for step in steps:
            losses = ", ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
            progress.advance(note=losses if len(step.losses) < 4 else "validated")
            yield step
