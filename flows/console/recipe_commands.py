"""The commands below `medpair recipes`: which ship, what one says, a copy to change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factory.errors import InputError
from factory.places import named_place, without_steps_up
from flows.console.session import Home, Json, open_session, recipes_from

recipes = typer.Typer(no_args_is_help=True, help="Recipes: list, read, copy to change.")

ShippedName = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="A shipped recipe's name.", autocompletion=recipes_from),
]


@recipes.command("list")
def list_(home: Home = None, json_: Json = False) -> None:
    """Lists the recipes that come with this release, and what each is for."""
    with open_session(home, json_) as session:
        from flows.console.tables.layout import Rows
        from flows.planning.recipe import recipe_file, shipped_recipes

        found = [{"name": name, "about": _about(recipe_file(name))} for name in shipped_recipes()]
        rows = [[each["name"], each["about"]] for each in found]
        session.set_result({"recipes": found}, Rows(["recipe", "what it makes"], rows))


@recipes.command()
def show(recipe: ShippedName, home: Home = None, json_: Json = False) -> None:
    """Prints a recipe as it is written."""
    with open_session(home, json_) as session:
        from rich.text import Text

        from flows.planning.recipe import load_recipe, recipe_file

        content, text = load_recipe(recipe), recipe_file(recipe).read_text(encoding="utf-8")
        session.set_result(content, Text(text.rstrip()))


@recipes.command()
def copy(
    recipe: ShippedName,
    file: Annotated[Path | None, typer.Argument(help="New file; else RECIPE.yaml here.")] = None,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Writes a copy of a recipe, to be changed and run."""
    with open_session(home, json_) as session:
        from flows.planning.recipe import recipe_file

        target = Path(f"{Path(recipe).stem}.yaml") if file is None else file
        place = without_steps_up(target)
        text = recipe_file(recipe).read_text(encoding="utf-8")
        with named_place(target):
            if target.exists() or target.is_symlink():
                raise InputError(f"{target} exists, and would be lost; name another file")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        session.set_result({"file": target}, f"{target}: medpair run {target}")


def _about(file: Path) -> str:
    """The comment that a recipe begins with, its first sentence."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines).partition(". ")[0].rstrip(".") + "."
