"""The commands that measure: what pairs are like, what they are worth, and what could be gained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factory.errors import InputError
from flows.console.session import (
    All,
    DatasetName,
    DryRun,
    Home,
    Json,
    RecipeName,
    Set,
    open_session,
)

Size = Annotated[
    int | None,
    typer.Option(help="Of the images, in pixels.", show_default="of the recipe, else 128"),
]
Channels = Annotated[
    int | None,
    typer.Option(help="Of the images: 1 or 3.", show_default="of the recipe, else 1"),
]


def compare(
    recipe: RecipeName,
    images: Annotated[int, typer.Option(min=2, help="Drawn of each domain by each arm.")] = 64,
    final: Annotated[
        bool, typer.Option("--final", help="Against the real test split; the lake keeps count.")
    ] = False,
    set_: Set = None,
    dry_run: DryRun = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Trains a specialist per domain and generalists of them all, and compares what they draw."""
    with open_session(home, json_) as session:
        from flows.planning.recipe import load_recipe

        content = load_recipe(recipe, set_ or ())
        from flows import api
        from flows.console.tables import result_tables

        if dry_run:
            cost = api.compare_cost(content, session.settings)
            session.set_result(cost, result_tables.cost(cost))
            return
        found = api.compare(content, session.settings, images, final)
        session.set_result(found, result_tables.comparison(found))


def evaluate(
    target: Annotated[
        str, typer.Argument(metavar="DATASET[@VERSION]|FOLDER", help="What to score.")
    ],
    against: Annotated[
        str, typer.Option("--against", help="Real pairs: a folder, a recipe, or 'phantom'.")
    ] = "",
    size: Size = None,
    channels: Channels = None,
    set_: Set = None,
    all_: All = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Scores a version of a data set, or anybody's folder of pairs, against real ones."""
    with open_session(home, json_) as session:
        from flows import api
        from flows.console.tables import result_tables
        from flows.datasets import Version

        if "/" in target or Path(target).is_dir():
            if set_:
                raise InputError(
                    f"--set {set_[0]} changes a key of a recipe, and {target} has none; leave it out"
                )
            where = Path(target), against, session.settings
            scored = api.evaluate_folder(*where, size, channels)
        else:
            version = Version.parse(target)
            scored = api.evaluate(version, session.settings, against, set_ or ())
        session.set_result(scored, result_tables.scored(scored, all_))


def utility(
    dataset: DatasetName,
    final: Annotated[
        bool, typer.Option("--final", help="Test on the real test split; the lake keeps count.")
    ] = False,
    against: Annotated[
        str, typer.Option("--against", help="Test on these: a folder, a recipe, or 'phantom'.")
    ] = "",
    set_: Set = None,
    dry_run: DryRun = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Trains models with and without the pairs of a version: what are the pairs worth?"""
    with open_session(home, json_) as session:
        from flows import api
        from flows.console.tables import result_tables, utility_tables
        from flows.datasets import Version

        named = Version.parse(dataset)
        if dry_run:
            cost = api.utility_cost(named, session.settings, set_ or ())
            session.set_result(cost, result_tables.cost(cost))
            return
        found = api.utility(named, session.settings, final, set_ or (), against)
        session.set_result(found, utility_tables.utility(found))


def folds(
    recipe: RecipeName,
    count: Annotated[int, typer.Option("--folds", min=2, help="Parts of the real patients.")] = 5,
    set_: Set = None,
    dry_run: DryRun = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Trains a generator per fold of the real patients, and tests every patient once."""
    with open_session(home, json_) as session:
        from flows.planning.recipe import load_recipe

        content = load_recipe(recipe, set_ or ())
        from flows import api
        from flows.console.tables import result_tables, utility_tables

        if dry_run:
            cost = api.folds_cost(content, session.settings, count)
            session.set_result(cost, result_tables.cost(cost))
            return
        found = api.folds(content, session.settings, count)
        session.set_result(found, utility_tables.utility(found))


def headroom(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Real pairs: a folder, a recipe, or 'phantom'.")
    ],
    size: Size = None,
    channels: Channels = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repeats, each with its own images.")] = 3,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Training steps of each segmenter.", show_default="of the recipe, else 300"
        ),
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Before any generator: could synthetic pairs help here, and could it be seen?"""
    with open_session(home, json_) as session:
        from evaluation.settings import UtilitySection
        from flows import api
        from flows.console.tables import result_tables
        from flows.planning.named_source import NamedSource

        real = NamedSource.of(source, size, channels)
        section = UtilitySection(seeds=seeds, steps=steps or real.steps)
        if dry_run:
            cost = api.headroom_cost(real, section, session.settings)
            session.set_result(cost, result_tables.cost(cost))
            return
        found = api.headroom(real, section, session.settings)
        session.set_result({"domains": found}, result_tables.headroom(found))
