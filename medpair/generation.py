"""Pairs in memory, from a trained checkpoint or a recipe; nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from factory.errors import InputError
from factory.generators.base import Generator
from factory.generators.specs import MedSegFactorySpec
from factory.images import ImageSection
from factory.prompts.facets import GridSection
from factory.prompts.grid import PromptGrid
from factory.prompts.prompt import Prompt
from flows.context import open_context
from flows.planning.recipe import Recipe, load_recipe
from flows.planning.recipe_paths import PACKAGED, checkpoint_named
from medpair.data_set import DataSet
from tasks.services.settings import load_settings

Value = str | int | float
Facets = Mapping[str, Value | Sequence[Value]]


def generate(
    recipe_or_checkpoint: Path | str,
    number: int = 8,
    seed: int = 0,
    *,
    home: Path | str | None = None,
    **facets: Value | Sequence[Value],
) -> DataSet:
    """Pairs in memory; the same arguments give the same pairs.

        >>> import medpair
        >>> asked = {"domain": "phantom-breast-us", "finding": ["benign", "malignant"]}
        >>> pairs = medpair.generate("packaged:phantoms", number=2, seed=7, **asked)
        >>> pairs.images.shape, pairs.facets["finding"].tolist()
        ((2, 64, 64, 3), ['benign', 'malignant'])
        >>> len(medpair.generate("tiny.yaml", number=3))
        3

    Args:
        recipe_or_checkpoint: the folder of a trained model of image and mask, "packaged:phantoms"
            for the one that ships, or a recipe whose generator needs no training.
        number: of pairs. The combinations of the facets take turns; where they are more than
            `number`, some from first to last are drawn.
        seed: root of the seeds of all pairs.
        home: that a recipe's checkpoints may lie in; MEDPAIR_HOME or ./.medpair by default.
        facets: a value or several each, as in a recipe's `grid.facets`: domain, finding, text, …
            Those of a recipe hold where none are given.

    Raises:
        InputError: if it is neither, the generator is still to be trained, or a facet or value is
            unknown.
    """
    name = str(recipe_or_checkpoint)
    if number < 1:
        raise InputError(f"number={number}: there is nothing to make; ask for at least one pair")
    if name.startswith(PACKAGED) or Path(name).is_dir():
        generator, grid = _of_checkpoint(name, _section(GridSection(), number, seed, facets))
    else:
        told = _needs_no_training(load_recipe(name))
        section = _section(told.grid, number, seed, facets)
        generator, grid = _of_recipe(told.model_copy(update={"grid": section}), home)
    prompts = _in_turns(grid, number)
    pairs = generator.generate(prompts, [prompt.seed for prompt in prompts])
    classes = {each: domain.label_map for each, domain in grid.domains.items()}
    return DataSet(name, classes, len(pairs), lambda: pairs)


def _section(base: GridSection, number: int, seed: int, facets: Facets) -> GridSection:
    """The grid asked for, each combination so often that one alone would do."""
    given = {name: _values(value) for name, value in facets.items()}
    content = base.model_dump() | {"facets": {**base.facets, **given}}
    try:
        return GridSection.model_validate({**content, "replicates": number, "seed": seed})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{where}={first['input']!r} cannot be used: {first['msg']}") from error


def _values(value: Value | Sequence[Value]) -> tuple[Value, ...]:
    return (value,) if isinstance(value, Value) else tuple(value)


def _of_checkpoint(name: str, section: GridSection) -> tuple[Generator, PromptGrid]:
    from factory.models.checkpoints import read_card

    folder = checkpoint_named(name)
    image = ImageSection.model_validate(read_card(folder).get("image", {}))
    generator = MedSegFactorySpec.model_validate({"from": folder}).build(image)
    return generator, PromptGrid(section, generator.domains)


def _of_recipe(recipe: Recipe, home: Path | str | None) -> tuple[Generator, PromptGrid]:
    settings = load_settings(None if home is None else Path(home))
    with open_context(recipe, settings) as context:
        return context.build_generator(), context.grid


def _needs_no_training(recipe: Recipe) -> Recipe:
    if recipe.generator.trains:
        raise InputError(
            f"recipe {recipe.name} trains its generator, which takes long: run `medpair train` "
            "with it, and give the checkpoint folder that it names"
        )
    return recipe


def _in_turns(grid: PromptGrid, number: int) -> list[Prompt]:
    """So many prompts of a grid that has as many replicates of each combination."""
    cells = len(grid) // number
    turns = [(k * cells // number if number < cells else k % cells) for k in range(number)]
    return [grid[cell * number + k // cells] for k, cell in enumerate(turns)]
