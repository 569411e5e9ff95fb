"""What every command works at: settings, a terminal, a place for the result; and shared options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from flows.console.terminal import Terminal

if TYPE_CHECKING:
    from tasks.services.settings import Settings

UNEXPECTED = 1  # exit code of whatever is nobody's mistake


def recipes_from(incomplete: str) -> list[str]:
    """Shipped recipes, and YAML files here, whose name begins so: what a shell offers."""
    from flows.planning.recipe import shipped_recipes

    here = (file.name for file in Path().glob("*.yaml"))
    return [name for name in (*shipped_recipes(), *sorted(here)) if name.startswith(incomplete)]


def data_sets_from(incomplete: str) -> list[str]:
    """Data sets of the usual home whose name begins so; of an object store none are asked for."""
    from tasks.services.settings import load_settings

    found = (each.name for each in Path(load_settings().pairs).glob(f"{escape(incomplete)}*/"))
    return sorted(name for name in found if not name.startswith("."))


DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET[@VERSION]",
        help="A data set, or one version: @v2, @approved.",
        autocompletion=data_sets_from,
    ),
]
VersionName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET@VERSION",
        help="A published version: @v2, @approved.",
        autocompletion=data_sets_from,
    ),
]
RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A YAML file, or a shipped recipe's name: demo, …",
        autocompletion=recipes_from,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Overrides a key, e.g. grid.replicates=8."),
]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and print the cost; write nothing.")
]
Home = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of everything written; else MEDPAIR_HOME or ./.medpair."),
]
All = Annotated[bool, typer.Option("--all", help="Print every score, not a few answers.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]


def settings_of(home: Path | None) -> Settings:
    """The settings of one command, with what libraries read of them in the environment."""
    # A fifth of the time that --help takes, which needs none.
    from tasks.services.settings import load_settings

    return load_settings(home).enter()


@contextmanager
def open_session(home: Path | None, json_wanted: bool) -> Iterator[Session]:
    """The settings and the terminal of one command; the result is printed when it is through."""
    session = Session(settings_of(home), Terminal(json_wanted))
    with session.terminal.working():
        yield session
    session.terminal.show(session.result, session.text)


@dataclass
class Session:
    """What one command works with, and what it leaves to be printed."""

    settings: Settings
    terminal: Terminal
    result: object = None
    text: RenderableType = ""

    def set_result(self, result: object, text: RenderableType) -> None:
        """Keeps the result, as it is and as people read it."""
        self.result, self.text = result, text
