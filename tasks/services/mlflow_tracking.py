"""The record of every run in MLflow; with `mlflow_relocation` the only importer of it.

Only the driver process logs: SQLite takes one writer well, and a fresh database whose tables
several processes create at once is left broken. One experiment per data set; under it one parent
run per factory run, with a child for each thing that was trained or measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from filelock import FileLock
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.data.dataset import Dataset
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.dataset_source_registry import register_dataset_source
from mlflow.entities import (
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    RunTag,
    ViewType,
)

from evaluation.metrics.registry import Score
from factory.store.repository import Store
from tasks.faults.machine import MLFLOW_HOLDS, check_database
from tasks.services.mlflow_process import PROCESS_TAG, is_gone, this_process
from tasks.services.mlflow_relocation import relocate
from tasks.services.progress import stage
from tasks.services.settings import Settings

BATCH = 1000  # most metrics MLflow takes in one call
KILLED_AT_ONCE = 1000  # runs; a later opening finds the others
PARAMETERS = 100  # most of them in one call
NOTE_TAG = "mlflow.note.content"
# Without a kind MLflow's page opens an experiment as one of language models.
KIND_TAG, MACHINE_LEARNING = "mlflow.experimentKind", "custom_model_development"
PARAM_CHARACTERS = 6000  # most characters of one parameter

FOUND_BY_TAG = "medpair.recipe"  # what a parent run is found again by; nothing else sets it
PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"


class StoreSource(DatasetSource):
    """Where a version of a data set lies: the store, and the snapshot in it."""

    def __init__(self, root: str, name: str, snapshot: str) -> None:
        self.root, self.name, self.snapshot = root, name, snapshot

    @staticmethod
    def _get_source_type() -> str:
        return "medpair"

    @staticmethod
    def _can_resolve(raw_source: object) -> bool:
        return False

    @classmethod
    def _resolve(cls, raw_source: object) -> StoreSource:
        raise NotImplementedError

    def load(self) -> Store:
        """The data set; `load().snapshot(source.snapshot)` is the version itself."""
        return Store(self.root, self.name)

    def to_dict(self) -> dict[str, Any]:
        return {"root": self.root, "name": self.name, "snapshot": self.snapshot}

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> StoreSource:
        return cls(source_dict["root"], source_dict["name"], source_dict["snapshot"])


class StoreDataset(Dataset):
    """A version of a data set; its digest is the snapshot id."""

    def __init__(self, source: StoreSource) -> None:
        super().__init__(source, source.name, source.snapshot)

    def _compute_digest(self) -> str:
        return str(self.source.snapshot)

    @property
    def profile(self) -> None:
        return None

    @property
    def schema(self) -> None:
        return None


register_dataset_source(StoreSource)


@dataclass(frozen=True)
class Record:
    """One MLflow run that is being written."""

    tracker: Tracker
    experiment: str
    id: str

    @property
    def client(self) -> MlflowClient:
        return self.tracker.client

    def parameters(self, values: Mapping[str, object]) -> None:
        """Logs parameters, nested ones as "outer.inner"; one logged before keeps its value."""
        known = self.client.get_run(self.id).data.params
        new = [
            Param(name, str(value)[:PARAM_CHARACTERS])
            for name, value in _flat(values)
            if name not in known
        ]
        for start in range(0, len(new), PARAMETERS):
            self.client.log_batch(self.id, params=new[start : start + PARAMETERS])

    def tags(self, values: Mapping[str, object]) -> None:
        """Sets tags."""
        self.client.log_batch(self.id, tags=[RunTag(k, str(v)) for k, v in values.items()])

    def describe(self, name: str, markdown: str) -> None:
        """Sets the name in the list of runs, and the description that MLflow's page shows."""
        self.client.update_run(self.id, name=name)
        self.client.set_tag(self.id, NOTE_TAG, markdown)

    def text(self, content: str, name: str) -> None:
        """Keeps a text as a file, for example "recipe.yaml"."""
        self.client.log_text(self.id, content, name)

    def scores(self, scores: Mapping[str, Score], step: int = 0) -> None:
        """Logs scores and, as `NAME_low` and `NAME_high`, the ends of their intervals."""
        known = {name: score for name, score in scores.items() if score.known}
        ends = {f"{n}_low": s.low for n, s in known.items()}
        ends |= {f"{n}_high": s.high for n, s in known.items()}
        values = {name: score.value for name, score in known.items()}
        values |= {name: end for name, end in ends.items() if isfinite(end)}
        self.metrics(values, step)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Logs numbers of one step."""
        self.curve([(step, values)])

    def add(self, name: str, value: float) -> float:
        """Adds to a number that is summed over all starts of this run, and gives the sum."""
        known = self.client.get_run(self.id).data.metrics.get(name, 0.0)
        self.metrics({name: known + value})
        return known + value

    def curve(self, points: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Logs numbers of many steps at once, far faster than one by one."""
        now = int(time.time() * 1000)
        flat = [
            Metric(k, float(v), now, step) for step, values in points for k, v in values.items()
        ]
        for start in range(0, len(flat), BATCH):
            self.client.log_batch(self.id, metrics=flat[start : start + BATCH])

    def figure(self, figure: Figure, name: str) -> None:
        """Keeps a figure under `name`, for example "pairs/v1.png"."""
        self.client.log_figure(self.id, figure, name)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Keeps a copy of a file."""
        self.client.log_artifact(self.id, str(path), folder)

    def dataset(self, store: Store, snapshot: str, context: str) -> None:
        """Says that this run made or read a snapshot: its id is the digest of the data set."""
        source = StoreSource(store.root, store.name, snapshot)
        entity = StoreDataset(source)._to_mlflow_entity()
        tag = InputTag("mlflow.data.context", context)
        self.client.log_inputs(self.id, [DatasetInput(entity, [tag])])

    def register(
        self, model: str, folder: Path, digest: str, alias: str | None, tags: Mapping[str, str]
    ) -> str:
        """Registers a folder of safetensors as a version of a model, and gives its number.

        The same digest is the same version, so that repeating a run adds none. The alias,
        "candidate" or "champion", moves to it; None for models among which nothing is chosen.
        """
        self.tracker.ensure_model(model)
        where = f"name = '{model}' and tags.digest = '{digest}'"
        found = self.client.search_model_versions(where, max_results=1)
        if not found:
            marks = {"digest": digest, **tags}
            found = [
                self.client.create_model_version(model, self._kept(folder), self.id, tags=marks)
            ]
        number = str(found[0].version)
        if alias is not None:
            self.client.set_registered_model_alias(model, alias, number)
        return number

    def _kept(self, folder: Path) -> str:
        """Where a model's folder is found: on this disk, or where the tracking server keeps files.

        A server refuses paths of another machine's disk.
        """
        if self.tracker.artifacts is not None:
            return folder.absolute().as_uri()
        self.client.log_artifacts(self.id, str(folder), folder.name)
        return f"{self.client.get_run(self.id).info.artifact_uri}/{folder.name}"

    @contextmanager
    def child(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Record]:
        """A run below this one; a child of the same name is gone on with."""
        marks = {**(tags or {}), PARENT_TAG: self.id, NAME_TAG: name}
        with self.tracker.writing(self.experiment, marks, (PARENT_TAG, NAME_TAG)) as record:
            yield record


@dataclass(frozen=True)
class Tracker:
    """The place runs are recorded in: a database below the home, or a server.

    Attributes:
        uri: MLflow's tracking URI.
        artifacts: folder of figures and files; None leaves it to the server.
    """

    uri: str
    artifacts: Path | None = None

    @staticmethod
    def of(settings: Settings) -> Tracker:
        """The tracker of these settings, its database made where there is none yet.

        Creating the tables takes 10 to 20 s on a slow machine, once per home.
        """
        if (file := settings.tracking_file) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):
                check_database(file, MLFLOW_HOLDS)
                tracker = Tracker(settings.mlflow, settings.artifacts)
                tracker.client.search_experiments(max_results=1)
                if file.parent == settings.home:  # any other may be that of several homes
                    relocate(tracker.client, settings.home)
            return tracker
        return Tracker(settings.mlflow, settings.artifacts)

    @cached_property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    @contextmanager
    def run(self, dataset: str, run: str, name: str) -> Iterator[Record]:
        """The parent run of one factory run; started again, it is gone on with.

        Args:
            dataset: name of the data set, which names the experiment.
            run: what it is found again by: the same for the same work.
            name: what the list of runs shows.
        """
        experiment = self.experiment(dataset)
        self.end_killed(experiment)
        marks = {FOUND_BY_TAG: run, NAME_TAG: name}
        with self.writing(experiment, marks, (FOUND_BY_TAG,)) as record:
            yield record

    def end_killed(self, experiment: str) -> None:
        """Ends the runs of an experiment that still run although their process is gone."""
        running = self.client.search_runs(
            [experiment], "attributes.status = 'RUNNING'", ViewType.ACTIVE_ONLY, KILLED_AT_ONCE
        )
        for run in running:
            if is_gone(run.data.tags):
                self.client.set_terminated(run.info.run_id, "KILLED")

    @contextmanager
    def writing(
        self, experiment: str, tags: Mapping[str, str], key: Sequence[str]
    ) -> Iterator[Record]:
        """A run with these tags, found again by those named in `key`."""
        record = Record(self, experiment, self._find(experiment, tags, key))
        try:
            yield record
        except BaseException:
            self.client.set_terminated(record.id, "FAILED")
            raise
        self.client.set_terminated(record.id, "FINISHED")

    def experiment(self, dataset: str) -> str:
        """Id of the experiment of a data set, made where there is none, restored if deleted."""
        found = self.client.get_experiment_by_name(dataset)
        if found is not None:
            if found.lifecycle_stage == LifecycleStage.DELETED:
                with stage(f"warning: restoring {dataset}, which was deleted on MLflow's page"):
                    self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        folder = None if self.artifacts is None else (self.artifacts / dataset).as_uri()
        return str(
            self.client.create_experiment(
                dataset, artifact_location=folder, tags={KIND_TAG: MACHINE_LEARNING}
            )
        )

    def ensure_model(self, name: str) -> None:
        """Makes the registered model of this name where there is none."""
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)

    def _find(self, experiment: str, tags: Mapping[str, str], key: Sequence[str]) -> str:
        query = " and ".join(f"tags.`{name}` = '{tags[name]}'" for name in key)
        found = self.client.search_runs([experiment], query, ViewType.ACTIVE_ONLY, 1)
        if found:
            run = str(found[0].info.run_id)
            self.client.update_run(run, status="RUNNING")
            self.client.set_tag(run, PROCESS_TAG, this_process())
            return run
        marks = {**tags, PROCESS_TAG: this_process()}
        made = self.client.create_run(experiment, tags=marks, run_name=tags[NAME_TAG])
        return str(made.info.run_id)


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
