"""The commands below `medpair datasets`: list, look into, copy out, clean up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factory.exports import EXPORTS
from flows.console.session import UNEXPECTED, DatasetName, Home, Json, open_session

datasets = typer.Typer(no_args_is_help=True, help="Data sets: list, look into, copy out, clean up.")

PlainName = Annotated[str, typer.Argument(metavar="DATASET", help="Name of a data set.")]


@datasets.command("list")
def list_(home: Home = None, json_: Json = False) -> None:
    """Lists the data sets with their newest version."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        found = known.datasets(session.settings)
        session.set_result({"datasets": found}, dataset_tables.datasets(found))


@datasets.command()
def log(name: PlainName, home: Home = None, json_: Json = False) -> None:
    """Lists the versions, runs and snapshots of a data set, newest first."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        history = known.log(name, session.settings)
        session.set_result(history, dataset_tables.log(history))


@datasets.command()
def show(dataset: DatasetName, home: Home = None, json_: Json = False) -> None:
    """Says what a version holds, how it was made, and its scores."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        facts = known.show(known.Version.parse(dataset), session.settings)
        session.set_result(facts.plain(), dataset_tables.facts(facts))


@datasets.command()
def diff(
    name: PlainName,
    old: Annotated[str, typer.Argument(help="A version, run branch or snapshot.")],
    new: Annotated[str, typer.Argument(help="Another one.")] = "main",
    html: Annotated[Path | None, typer.Option(help="Also write a page with pictures.")] = None,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Counts the pairs that differ between two versions; --json lists them."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        found = known.diff(name, old, new, session.settings)
        if html is not None:
            known.diff_page(name, old, new, html, session.settings)
        session.set_result(found, dataset_tables.difference(found))


@datasets.command()
def export(
    dataset: DatasetName,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    layout: Annotated[str, typer.Option("--as", help=f"Layout: {', '.join(EXPORTS)}.")] = "folder",
    home: Home = None,
    json_: Json = False,
) -> None:
    """Copies the accepted pairs of a version into files that others read."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import result_tables

        path = known.export(known.Version.parse(dataset), layout, folder, session.settings)
        session.set_result({"folder": path}, f"exported to {result_tables.short_path(path)}")


@datasets.command()
def verify(dataset: DatasetName, home: Home = None, json_: Json = False) -> int:
    """Reads every pair of a version and checks that it is whole."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        found = known.check(known.Version.parse(dataset), session.settings)
        session.set_result(found, dataset_tables.verification(found))
    return UNEXPECTED if found.problems else 0


@datasets.command()
def withdraw(
    dataset: DatasetName,
    reason: Annotated[str, typer.Option("--reason", help="Why it should not be used any more.")],
    home: Home = None,
    json_: Json = False,
) -> None:
    """Records that a version should not be used any more; its tag and data stay."""
    with open_session(home, json_) as session:
        from flows import datasets as known

        version = known.Version.parse(dataset)
        known.withdraw(version, reason, session.settings)
        session.set_result({"withdrawn": str(version)}, f"withdrawn: {version}")


@datasets.command()
def gc(
    name: PlainName,
    days: Annotated[float, typer.Option(min=1, help="Keep what is younger.")] = 1.0,
    runs: Annotated[bool, typer.Option("--runs", help="Also drop unpublished runs.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Do it; else only list.")] = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Says what no version needs any more, and with --delete frees it."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        freed = known.collect_garbage(name, session.settings, days, runs, not delete)
        session.set_result(freed, dataset_tables.garbage(freed, not delete))
