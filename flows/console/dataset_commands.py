"""The commands below `medpair datasets`: list, look into, copy out, clean up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.console.session import (
    UNEXPECTED,
    DatasetName,
    Home,
    Json,
    VersionName,
    data_sets_from,
    open_session,
)

datasets = typer.Typer(no_args_is_help=True, help="Data sets: list, look into, copy out, clean up.")

PlainName = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="Name of a data set.", autocompletion=data_sets_from),
]


@datasets.command("list")
def list_(home: Home = None, json_: Json = False) -> None:
    """Lists the data sets with their current version."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        found = known.datasets(session.settings)
        for line in filter(None, (each.withdrawn for each in found)):
            session.terminal.warn(line)
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
def show(
    dataset: DatasetName,
    pair: Annotated[
        int | None, typer.Option("--pair", min=0, help="Only where this pair comes from: its row.")
    ] = None,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Says what a version holds, how it was made, and its scores; or where one pair comes from."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        version = known.Version.parse(dataset)
        if pair is not None:
            from flows.upkeep.pair_origin import origin_of

            origin = origin_of(version, pair, session.settings)
            session.set_result(origin, dataset_tables.origin(origin))
            return
        facts = known.show(version, session.settings)
        session.set_result(facts.plain(), dataset_tables.facts(facts))


@datasets.command()
def remake(
    dataset: DatasetName,
    pair: Annotated[int, typer.Argument(min=0, help="Row of the pair, as reports name it.")],
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    home: Home = None,
    json_: Json = False,
) -> int:
    """Makes one pair of a version again, as PNG files, and says whether it is the same to the bit."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables
        from flows.upkeep.remade import remake

        made = remake(known.Version.parse(dataset), pair, folder, session.settings)
        session.set_result(made, dataset_tables.remade(made))
    return 0 if made.same else UNEXPECTED


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
    layout: Annotated[
        str, typer.Option("--as", help="Layout, see docs/sources.md; a wrong one lists them.")
    ] = "folder",
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
def verify(
    dataset: DatasetName,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make damaged pairs anew, in a version that follows.")
    ] = False,
    home: Home = None,
    json_: Json = False,
) -> int:
    """Reads every pair of a version and checks that it is whole."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        version, mended = known.Version.parse(dataset), None
        if repair:
            from flows.upkeep.names import mended_names
            from flows.upkeep.repair import repaired

            for line in mended_names(version.name, session.settings):
                session.terminal.messages.print(line, markup=False, highlight=False)
        checked = known.check(version, session.settings)
        if repair and checked.found.faults:
            mended = repaired(version, checked.found, session.settings)
        result = {**checked.plain(), "repaired": mended}
        session.set_result(result, dataset_tables.verification(checked, mended))
    left = checked.beside if mended else checked.problems
    return UNEXPECTED if left else 0


@datasets.command()
def withdraw(
    dataset: VersionName,
    reason: Annotated[str, typer.Option("--reason", help="Why it should not be used any more.")],
    home: Home = None,
    json_: Json = False,
) -> None:
    """Records for good that a version should not be used any more; its tag and data stay."""
    with open_session(home, json_) as session:
        from flows import datasets as known
        from flows.console.tables import dataset_tables

        done = known.withdraw(known.Version.parse(dataset), reason, session.settings)
        session.set_result(done, dataset_tables.withdrawn(done))


@datasets.command()
def rollback(
    dataset: VersionName,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    home: Home = None,
    json_: Json = False,
) -> None:
    """Makes an earlier version the current one again; nothing is deleted."""
    with open_session(home, json_) as session:
        from flows.console.tables import dataset_tables
        from flows.datasets import Version
        from flows.upkeep.rollback import roll_back

        done = roll_back(Version.parse(dataset), reason, session.settings)
        session.set_result(done, dataset_tables.rolled_back(done))


@datasets.command()
def tag(
    dataset: DatasetName,
    label: Annotated[str, typer.Argument(help="A word such as approved.")],
    move: Annotated[
        bool, typer.Option("--move", help="Let it name another version than before.")
    ] = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Gives a published version a label, by which whatever reads versions reads it."""
    with open_session(home, json_) as session:
        from flows.datasets import Version
        from flows.upkeep.labels import label_version

        done = label_version(Version.parse(dataset), label, move, session.settings)
        session.set_result(done, f"{done.label} names {done.version}")


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
