"""The command `medpair preview`: a few pairs before a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factory.places import without_steps_up
from flows.console.session import Home, Json, Set, open_session, recipes_from


def preview(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="As of the command run.", autocompletion=recipes_from
        ),
    ],
    number: Annotated[int, typer.Option(min=1, help="Pairs to draw.")] = 8,
    out: Annotated[Path | None, typer.Option(help="The PNG; else NAME-preview.png here.")] = None,
    set_: Set = None,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Draws a few pairs of a recipe, to be looked at before a run; keeps nothing."""
    with open_session(home, json_) as session:
        from flows.planning.recipe import load_recipe

        content = load_recipe(recipe, set_ or ())
        from flows.context import open_context
        from flows.starting import preview as drawing

        file = without_steps_up(out or Path(f"{content.name}-preview.png"))
        with open_context(content, session.settings) as context:
            made = drawing.preview(context, number, file)
        session.set_result({"picture": file, "pairs": made}, f"{made} pairs: {file}")
