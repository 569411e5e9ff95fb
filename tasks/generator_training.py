"""Training of generators: the loop yields, this module shows and records its steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd
from filelock import FileLock
from prefect import task
from prefect.cache_policies import NO_CACHE

from factory.generators.spec import GeneratorSpec
from factory.models.checkpoints import CARD
from factory.training.data import TrainingData
from factory.training.steps import Progress
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage

LOSSES = "losses.csv"
COLUMNS = ("stage", "loss", "step", "value")
RECORD_SECONDS = 20.0  # between two writes of losses to the record


def training_data(reference: Reference) -> TrainingData:
    """What a generator learns from: training and validation pairs, never the test split."""
    return TrainingData(
        train=reference.train,
        held_out=reference.held_out,
        domains=reference.domains,
        image=reference.image,
        source_digest=reference.source,
        licence=reference.licence,
        source_parts=reference.parts,
    )


@task(task_run_name="train-{spec.kind}", cache_policy=NO_CACHE, persist_result=False)
def learn(
    spec: GeneratorSpec, read: Callable[[], TrainingData], folder: Path, record: Record
) -> Path:
    """Trains a generator into a folder, going on where an earlier attempt stopped.

    Args:
        spec: of the generator.
        read: gives the data; not called where the training is finished.
        folder: of the checkpoint.
        record: of the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / CARD).is_file():  # written last
            watch(spec.learn(read(), folder), folder, record)
    return folder


def losses(checkpoint: Path) -> pd.DataFrame:
    """The losses of a training: stage, loss (its name), step, value; empty where none were kept."""
    file = checkpoint / LOSSES
    if not file.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    # A resumed training repeats the steps since its last resume point.
    return pd.read_csv(file).drop_duplicates(["stage", "loss", "step"], keep="last")


def watch(steps: Iterable[Progress], folder: Path, record: Record) -> None:
    """Exhausts a training loop, showing each of its stages and keeping its losses."""
    # Training and held-out images are encoded one after the other, in a stage of one name.
    for (title, _), part in groupby(steps, key=lambda progress: (progress.stage, progress.steps)):
        kept: list[Progress] = []
        written = time.monotonic()
        for progress in _shown(f"training: {title}", part):
            kept.append(progress)
            if time.monotonic() - written > RECORD_SECONDS:
                _keep(kept, folder, record)
                kept, written = [], time.monotonic()
        _keep(kept, folder, record)


def _keep(progress: Sequence[Progress], folder: Path, record: Record) -> None:
    rows = [
        (each.stage, name, each.step, value)
        for each in progress
        for name, value in each.losses.items()
    ]
    file = folder / LOSSES
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.to_csv(file, mode="a", header=not file.is_file(), index=False)
    record.curve([(step, {f"{stage}/{name}": value}) for stage, name, step, value in rows])


def _shown(title: str, steps: Iterator[Progress]) -> Iterator[Progress]:
    first = next(steps)
    with stage(title, total=first.steps) as progress:
        progress.advance(first.step)
        yield first
        for step in steps:
            losses = ", ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
            progress.advance(note=losses if len(step.losses) < 4 else "validated")
            yield step
