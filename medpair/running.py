"""A recipe, run to its end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flows import api
from flows.planning.recipe import load_recipe
from tasks.services.settings import load_settings

if TYPE_CHECKING:
    from flows.build import Outcome


def run(
    recipe: Path | str, overrides: Iterable[str] = (), home: Path | str | None = None
) -> Outcome:
    """Makes, judges and publishes what a recipe asks for; goes on where it was stopped.

        >>> import medpair
        >>> outcome = medpair.run("tiny.yaml", ["name=more", "grid.replicates=2"])
        >>> outcome.version, outcome.pairs["accepted"]
        ('v1', 2)

    Args:
        recipe: a YAML file, or the name of a shipped recipe such as "demo".
        overrides: "key.sub=value" each, as `medpair run --set` takes them.
        home: folder of everything written; MEDPAIR_HOME or ./.medpair by default.

    Returns:
        What came of it: version (None where a gate failed), pairs, gates, scores, report.

    Raises:
        RecipeError: with a line for everything that is wrong.
    """
    settings = load_settings(None if home is None else Path(home)).enter()
    return api.run(load_recipe(recipe, overrides), settings)
