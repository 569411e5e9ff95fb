"""A version of a data set, opened."""

from __future__ import annotations

from pathlib import Path

from factory.store.shards import Status
from flows.datasets import Version
from medpair.data_set import DataSet
from tasks.services.settings import load_settings


def open(name: str, home: Path | str | None = None) -> DataSet:
    """The accepted pairs of a version; warns where it is withdrawn.

        >>> import medpair
        >>> medpair.open("tiny@v1")
        DataSet('tiny@v1', 4 pairs of phantom-breast-us)

    Args:
        name: DATASET for its current version, or DATASET@VERSION: a tag ("cxr-lungs@v2"), a label
            ("cxr-lungs@approved"), the branch of a run, a snapshot's id.
        home: folder of everything written; MEDPAIR_HOME or ./.medpair by default.

    Raises:
        InputError: if there is no such data set or version, or it has no accepted pair.
    """
    version = Version.parse(name)
    snapshot = version.snapshot(load_settings(None if home is None else Path(home)))
    rows = snapshot.rows(Status.ACCEPTED)
    snapshot.read(rows[:1])  # where there is none it says so, and why
    return DataSet(str(version), snapshot.label_maps, len(rows), snapshot.read)
