"""Maintain: frees what no version needs any more, and keeps the lake's files few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import flow

from evaluation.lake.lake import Lake
from factory.store.at_rest.garbage import free
from factory.store.repository import Store
from factory.store.versions import data_sets
from flows.datasets import damage_of
from flows.stages import settings_of_flow
from tasks.services.progress import stage


@flow(name="maintain")
def maintain(
    home: Path | None = None, keep_days: float = 7.0, drop_runs: bool = False
) -> dict[str, int]:
    """Collects the garbage of every data set and compacts the lake.

    Args:
        home: of everything.
        keep_days: what is younger stays: a run under way has written chunks that nothing names.
        drop_runs: also forget unpublished runs that are older; they would start anew.

    Returns:
        Bytes freed in each data set that is not damaged, and under "lake" the number of files removed.
    """
    settings = settings_of_flow(home)
    older_than = datetime.now(UTC) - timedelta(days=max(1.0, keep_days))
    freed = {}
    for name in data_sets(settings.pairs):
        # What a lost name leads to would be freed with the rest.
        if lost := damage_of(name, settings):
            with stage(f"warning: {name} is left as it is: {lost[0]}"):
                continue
        with stage(f"cleaning up {name}"):
            store = Store(settings.pairs, name)
            freed[name] = free(store, older_than, runs=drop_runs, dry_run=False).bytes
    return {**freed, "lake": Lake(settings.lake).compact()}
