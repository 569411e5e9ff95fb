"""The commands below `medpair datasets`: list, look into, copy out, clean up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.console.session import UNEXPECTED, DatasetName, Home, Json, desk

datasets = typer.Typer(no_args_is_help=True, help="Data sets: list, look into, copy out, clean up.")

PlainName = Annotated[str, typer.Argument(metavar="DATASET", help="Name of a data set.")]


@datasets.command("list")
def list_(home: Home = None, json_: Json = False) -> None:
    """Lists the data sets with their newest version."""
    with desk(home, json_) as work:
        from flows import datasets as known
        from flows.console import result_tables

        found = known.datasets(work.settings)
        work.leave({"datasets": found}, result_tables.datasets(found))


@datasets.command()
def log(name: PlainName, home: Home = None, json_: Json = False) -> None:
    """Lists the versions, runs and snapshots of a data set, newest first."""
    with desk(home, json_) as work:
        from flows import datasets as known
        from flows.console import result_tables

        history = known.log(name, work.settings)
        work.leave(history, result_tables.log(history))


@datasets.command()
def show(dataset: DatasetName, home: Home = None, json_: Json = False) -> None:
    """Tells what a version holds, how it was made, and its scores."""
    with desk(home, json_) as work:
        from flows import datasets as known
        from flows.console import result_tables

        told = known.show(known.Version.parse(dataset), work.settings)
        work.leave(told, result_tables.mapping(told))


@datasets.command()
def diff(
    name: PlainName,
    old: Annotated[str, typer.Argument(help="A version, run branch or snapshot.")],
    new: Annotated[str, typer.Argument(help="Another one.")] = "main",
    home: Home = None,
    json_: Json = False,
) -> None:
    """Lists the prompts whose pairs differ between two versions."""
    with desk(home, json_) as work:
        from flows import datasets as known
        from flows.console import result_tables

        table = known.diff(name, old, new, work.settings)
        work.leave({"changes": known.rows(table)}, result_tables.frame(table))


@datasets.command()
def export(
    dataset: DatasetName,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    layout: Annotated[
        str, typer.Option("--as", help="Layout: folder, nifti, nnunet or monai.")
    ] = "folder",
    home: Home = None,
    json_: Json = False,
) -> None:
    """Copies the accepted pairs of a version into files that others read."""
    with desk(home, json_) as work:
        from flows import datasets as known
        from flows.console import result_tables

        path = known.export(known.Version.parse(dataset), layout, folder, work.settings)
        work.leave({"folder": path}, f"exported to {result_tables.short_path(path)}")


@datasets.command()
def verify(dataset: DatasetName, home: Home = None, json_: Json = False) -> int:
    """Reads every pair of a version and checks that it is whole."""
    with desk(home, json_) as work:
        from flows import datasets as known
        from flows.console import result_tables

        found = known.check(known.Version.parse(dataset), work.settings)
        work.leave(found, result_tables.verification(found))
    return UNEXPECTED if found.problems else 0


@datasets.command()
def gc(
    name: PlainName,
    days: Annotated[float, typer.Option(min=1, help="Keep what is younger.")] = 1.0,
    runs: Annotated[bool, typer.Option("--runs", help="Also drop unpublished runs.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Do it; else only tell.")] = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Tells what no version needs any more, and with --delete frees it."""
    with desk(home, json_) as work:
        from flows import datasets as known
        from flows.console import result_tables

        freed = known.collect_garbage(name, work.settings, days, runs, not delete)
        work.leave(freed, result_tables.garbage(freed, not delete))
