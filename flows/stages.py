"""How flows begin: a stage is handed its context; a deployment makes one of a recipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from prefect import Flow, flow, runtime

from factory.errors import InputError
from flows.context import RunContext, open_context
from flows.planning.recipe import Recipe, load_recipe, recipe_from
from tasks.services.run_logs import shorten_mistakes
from tasks.services.settings import Settings, load_settings

P = ParamSpec("P")
R = TypeVar("R")


def stage_flow(name: str) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Makes a flow of a body whose parameter `context` is the run's; runs bear the data set's name."""
    return flow(name=name, flow_run_name=_data_set)


@contextmanager
def deployed(
    recipe: Recipe | Path, home: Path | None, overrides: Sequence[str] = ()
) -> Iterator[RunContext]:
    """The context of a run that was started with a recipe alone, as by a deployment."""
    settings = settings_of_flow(home)
    with open_context(edited(recipe, overrides), settings) as context:
        yield context


def edited(recipe: Recipe | Path, overrides: Sequence[str]) -> Recipe:
    """A recipe, or the one that a path or a shipped recipe's name says, with these overrides.

    Raises:
        RecipeError: with a line for everything that is wrong.
    """
    if isinstance(recipe, Recipe):
        content = recipe.model_dump(mode="json", by_alias=True)
        return recipe_from(content, overrides, recipe.name)
    return load_recipe(recipe, overrides)


def settings_of_flow(home: Path | None) -> Settings:
    """The settings of the flow that is running, whose log says mistakes in a line.

    Raises:
        InputError: if a deployment's run has no home: its worker's folder is removed after it.
    """
    shorten_mistakes()
    if home is None and runtime.deployment.id and "MEDPAIR_HOME" not in os.environ:
        raise InputError(
            "MEDPAIR_HOME is not set where the worker runs: what this run makes would be lost "
            "with the worker's temporary folder; set it to an absolute path and start it again"
        )
    return load_settings(home)


def recipe_name() -> str:
    """Name of the flow run of a deployment that is being started: the data set's."""
    given = runtime.flow_run.parameters
    recipe = given["recipe"]
    try:
        return edited(recipe, given.get("set", ())).name
    except InputError:  # which the run itself tells
        return recipe.name if isinstance(recipe, Recipe) else Path(recipe).stem


def _data_set() -> str:
    context: RunContext = runtime.flow_run.parameters["context"]
    return context.recipe.name
