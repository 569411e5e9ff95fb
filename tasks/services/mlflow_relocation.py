"""A home that was moved takes MLflow's files along: their locations in its database follow.

MLflow keeps locations of artifacts as absolute URIs. Of the other ways, tried with 3.17: a relative
location is made absolute by the working directory of the moment when an experiment is created, a
relative `file:` URI is sought below the working directory of whoever reads it, and
`mlflow-artifacts:` needs a server for each reading and writing. So the locations of a home are
rewritten when it is opened somewhere else, in one transaction, through MLflow's own tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.tracking.dbmodels.models import SqlDataset, SqlExperiment, SqlRun
from mlflow.utils.file_utils import local_file_uri_to_path

from tasks.services.settings import ARTIFACTS

COLUMNS: tuple[tuple[Any, str], ...] = (
    (SqlExperiment, "artifact_location"),
    (SqlRun, "artifact_uri"),
    (SqlModelVersion, "source"),
    (SqlModelVersion, "storage_location"),
)


def relocate(client: MlflowClient, home: Path) -> None:
    """Points every location in a home's database at where the home is now.

    Args:
        client: of the database in that home.
        home: where it is.
    """
    store = client._tracking_client.store
    with store.ManagedSessionMaker(read_only=False) as session:
        kept = [each for (each,) in session.query(SqlExperiment.artifact_location)]
        for old in sorted(_homes(kept)):
            if old.resolve() == home.resolve():
                continue
            for table, column in COLUMNS:
                _rewrite(session, table, column, partial(_moved, old=old, home=home))
            source = partial(_moved_source, old=old, home=home)
            _rewrite(session, SqlDataset, "dataset_source", source)


def _homes(locations: Iterable[str | None]) -> set[Path]:
    """The homes that locations of experiments were given by."""
    local = [path for each in locations if each and (path := _path(each)) is not None]
    return {path.parent.parent for path in local if path.parent.name == ARTIFACTS}


def _rewrite(session: Any, table: Any, column: str, change: Callable[[str], str]) -> None:  # noqa: ANN401  # of SQLAlchemy
    for row in session.query(table):
        if (value := getattr(row, column)) and (changed := change(value)) != value:
            setattr(row, column, changed)


def _moved(uri: str, old: Path, home: Path) -> str:
    path = _path(uri)
    if path is None or not path.is_relative_to(old):
        return uri
    return (home / path.relative_to(old)).as_uri()


def _moved_source(text: str, old: Path, home: Path) -> str:
    """The source of a data set, whose root is a path; see `mlflow_tracking.StoreSource`."""
    source = json.loads(text)
    root = Path(source.get("root", ""))
    if not root.is_relative_to(old):
        return text
    return json.dumps({**source, "root": str(home / root.relative_to(old))})


def _path(uri: str) -> Path | None:
    """The folder that a location names; None for one that is not on this disk."""
    if uri.startswith("file:"):
        return Path(local_file_uri_to_path(uri))
    return Path(uri) if uri.startswith("/") else None
