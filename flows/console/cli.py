"""The command line: each command reads its input, calls `flows.api`, and prints what came of it.

Prefect, MLflow and torch are imported by `flows.api` alone, and only once a command needs them and
the settings are in the environment.
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from factory.places import LONGEST_NAME, LONGEST_PATH
from flows.console.dataset_commands import datasets
from flows.console.init_command import init
from flows.console.measuring_commands import compare, evaluate, folds, headroom, utility
from flows.console.preview_command import preview
from flows.console.reader_commands import readers
from flows.console.recipe_commands import recipes
from flows.console.segment_command import segment
from flows.console.session import (
    UNEXPECTED,
    All,
    DatasetName,
    DryRun,
    Home,
    Json,
    RecipeName,
    Set,
    open_session,
)
from flows.console.studio_command import studio
from flows.console.terminal import Terminal
from tasks.faults.machine import in_words
from tasks.services.run_logs import INPUT_ERRORS

DISTRIBUTION = "medpair-factory"
WRONG_INPUT, GATE_FAILED = 2, 3
INTERRUPTED = 130  # what typer makes of Ctrl-C
INTERRUPTION = "interrupted: what was finished is kept, and the same command goes on"
MOST_CHARACTERS, MOST_LINES = 600, 50  # that people read


class Commands(TyperGroup):
    """Turns errors into exit codes: 2 and a line for a user's mistake, 1 for anything else."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:  # noqa: ANN401  # typer's
        """Runs a command and exits with its code."""
        words = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(args, *rest, **{**extra, "standalone_mode": False})
            if code == INTERRUPTED:
                code = _refuse(UNEXPECTED, [INTERRUPTION], words)
        except (*INPUT_ERRORS, typer.TyperException) as error:
            code = _refuse(WRONG_INPUT, _text(error).splitlines(), words)
        except Exception as error:  # noqa: BLE001  # the last resort of a command
            if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
                sys.exit(_refuse(WRONG_INPUT, [_too_long(str(error.filename))], words))
            if (line := in_words(error)) is None:
                traceback.print_exc()
            code = _refuse(UNEXPECTED, [line or f"{type(error).__name__}: {error}"], words)
        sys.exit(code if isinstance(code, int) else 0)


def _too_long(path: str) -> str:
    """Of a path that only a user can have typed, whichever file was looked for there first."""
    return (
        f"{path[:60]!a}… is a longer name than file systems hold ({LONGEST_NAME} bytes, "
        f"{LONGEST_PATH} with its folders); name another place"
    )


def _text(error: Exception) -> str:
    return error.format_message() if isinstance(error, typer.TyperException) else str(error)


def _refuse(code: int, lines: Sequence[str], words: Sequence[str]) -> int:
    terminal = Terminal("--json" in words)
    for line in lines[:MOST_LINES]:
        terminal.complain(_cut(line))
    if len(lines) > MOST_LINES:
        terminal.complain(f"and {len(lines) - MOST_LINES} lines more, which --json lists")
    if terminal.json_wanted:
        terminal.show({"exit_code": code, "problems": lines}, "")
    return code


def _cut(line: str) -> str:
    """The line without the middle of what is too long to be read, such as a value of a megabyte."""
    half = MOST_CHARACTERS // 2
    return line if len(line) <= MOST_CHARACTERS else f"{line[:half]} […] {line[-half:]}"


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Makes, judges and publishes synthetic medical image-mask pairs.",
)
app.add_typer(datasets, name="datasets")
app.command()(init)
app.add_typer(recipes, name="recipes")
app.command()(preview)
app.command()(segment)
app.command()(studio)
app.add_typer(readers, name="readers")


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medpair {metadata.version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which release."),
    ] = False,
) -> None:
    """Options of no command."""


From = Annotated[
    Path | None, typer.Option("--from", help="A checkpoint to start from.", show_default=False)
]


@app.command()
def run(
    recipe: RecipeName,
    set_: Set = None,
    dry_run: DryRun = False,
    all_: All = False,
    home: Home = None,
    json_: Json = False,
) -> int:
    """Makes, judges and publishes what a recipe asks for; goes on where it was stopped."""
    with open_session(home, json_) as session:
        from flows.planning.recipe import load_recipe

        content = load_recipe(recipe, set_ or ())
        from flows import api
        from flows.console.tables import result_tables, run_end

        if dry_run:
            plan = api.plan(content, session.settings)
            session.set_result(plan, result_tables.plan(plan))
            return 0
        outcome = api.run(content, session.settings)
        every = result_tables.scores(outcome.scores) if all_ else None
        session.set_result(outcome, run_end.outcome(outcome, every))
    return 0 if outcome.published else GATE_FAILED


@app.command()
def demo(all_: All = False, home: Home = None, json_: Json = False) -> int:
    """Makes a first data set from phantoms in minutes."""
    return run("demo", all_=all_, home=home, json_=json_)


@app.command()
def improve(
    recipe: RecipeName,
    set_: Set = None,
    dry_run: DryRun = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Adds pairs round by round where a downstream model fails and where pairs are trusted."""
    with open_session(home, json_) as session:
        from flows.planning.recipe import load_recipe

        content = load_recipe(recipe, set_ or ())
        from flows import api
        from flows.console.tables import loop_tables, result_tables

        if dry_run:
            cost = api.improve_cost(content, session.settings)
            session.set_result(cost, result_tables.cost(cost))
            return
        found = api.improve(content, session.settings)
        session.set_result(found, loop_tables.improved(found))


@app.command()
def train(
    recipe: RecipeName, set_: Set = None, from_: From = None, home: Home = None, json_: Json = False
) -> None:
    """Trains the generator of a recipe, or goes on with its training."""
    with open_session(home, json_) as session:
        start = () if from_ is None else (f"generator.from={from_}",)
        from flows.planning.recipe import load_recipe

        content = load_recipe(recipe, (*(set_ or ()), *start))
        from flows import api
        from flows.console.tables import result_tables

        folder = api.train(content, session.settings)
        text = (
            "nothing to train"
            if folder is None
            else f"checkpoint: {result_tables.short_path(folder)}"
        )
        session.set_result({"checkpoint": folder}, text)


@app.command()
def generate(recipe: RecipeName, set_: Set = None, home: Home = None, json_: Json = False) -> None:
    """Makes the pairs of a recipe on the branch of its run, without scoring or publishing them."""
    with open_session(home, json_) as session:
        from flows.planning.recipe import load_recipe

        content = load_recipe(recipe, set_ or ())
        from flows import api
        from flows.console.tables import result_tables

        made = api.generate(content, session.settings)
        session.set_result(made, result_tables.made(made))


for measuring in (compare, evaluate, utility, folds, headroom):
    app.command()(measuring)


@app.command()
def scores(
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="One SELECT over scores, best_versions, drift, …")
    ],
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="As it was then: 2026-01-31T12:00+00:00.")
    ] = "",
    home: Home = None,
    json_: Json = False,
) -> None:
    """Asks the lake of scores in SQL."""
    with open_session(home, json_) as session:
        from flows import api
        from flows.console.tables.layout import frame
        from flows.datasets import rows

        table = api.scores(sql, session.settings, at)
        session.set_result({"rows": rows(table)}, frame(table))


@app.command()
def report(dataset: DatasetName, home: Home = None, json_: Json = False) -> None:
    """Writes the HTML report of a version anew."""
    with open_session(home, json_) as session:
        from flows import api
        from flows.console.tables import result_tables
        from flows.datasets import Version

        path = api.report(Version.parse(dataset), session.settings)
        session.set_result({"report": path}, f"report: {result_tables.short_path(path)}")


@app.command()
def ui(
    port_prefect: Annotated[
        int, typer.Option("--port-prefect", min=0, max=65535, help="Of Prefect; 0 for a free one.")
    ] = 0,
    port_mlflow: Annotated[
        int, typer.Option("--port-mlflow", min=0, max=65535, help="Of MLflow; 0 for a free one.")
    ] = 0,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Serves the pages of Prefect and MLflow on this machine alone, until Ctrl-C."""
    with ExitStack() as pages:
        with open_session(home, json_) as session:
            from tasks.services.pages import served

            both = served(session.settings, port_prefect, port_mlflow)
            found, serving = pages.enter_context(both)
            session.set_result(found, f"Prefect: {found.prefect}\nMLflow:  {found.mlflow}")
        serving.wait()


@app.command()
def status(home: Home = None, json_: Json = False) -> None:
    """Says how each data set stands, what is running, and what the home holds."""
    with open_session(home, json_) as session:
        from flows.console import home_state
        from flows.console.tables import dataset_tables

        found = home_state.home_state(session.settings)
        session.set_result(found, dataset_tables.home(found))


@app.command()
def doctor(home: Home = None, json_: Json = False) -> int:
    """Checks the installation and the home, and says how to mend what is wrong."""
    with open_session(home, json_) as session:
        from flows.console import doctor
        from flows.console.tables import result_tables

        found = doctor.doctor(session.settings)
        session.set_result({"checks": found}, result_tables.checks(found))
    return 0 if all(check.well for check in found) else UNEXPECTED


def main() -> None:
    """The command `medpair`."""
    app()
