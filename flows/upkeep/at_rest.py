"""What of a home cannot be read any more: data sets, lake, readings, databases; a line for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from evaluation.lake.delta import Delta
from evaluation.lake.tables import TABLES
from factory.store.versions import data_sets
from flows.datasets import damage_of
from flows.readers.answer_book import check_reading
from flows.readers.frozen_list import reading_names
from tasks.faults.machine import DAMAGED, MLFLOW_HOLDS, PREFECT_HOLDS, check_database
from tasks.services.settings import Settings


def damage_at_rest(settings: Settings) -> Iterator[str]:
    """Lines of damage; single pairs, which take long to read, are left to `datasets verify`."""
    for name in data_sets(settings.pairs):
        yield from _lines(partial(damage_of, name, settings))
    for table in TABLES:
        yield from _lines(partial(Delta(settings.lake).check, table))
    for name in reading_names(settings):
        yield from _lines(partial(check_reading, name, settings))
    for file, holds in (
        (settings.tracking_file, MLFLOW_HOLDS),
        (settings.prefect_file, PREFECT_HOLDS),
    ):
        if file is not None:
            yield from _lines(partial(check_database, file, holds, thorough=True))


def _lines(look: Callable[[], Iterable[str] | None]) -> list[str]:
    """What a look at something finds, or stumbles over."""
    try:
        return [*(look() or ())]
    except DAMAGED as error:
        return [str(error)]
