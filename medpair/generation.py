"""Pairs in memory, from a trained checkpoint or a recipe; nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from factory.errors import InputError
from factory.generators.base import Generator
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.prompts.volume_grid import VolumeGrid
from flows.asking.asked_pairs import Value, asked_section, generator_named, in_turns
from flows.context import open_context
from flows.planning.recipe import Recipe, load_recipe
from flows.planning.recipe_paths import PACKAGED
from medpair.data_set import DataSet
from tasks.services.settings import load_settings


def generate(
    recipe_or_checkpoint: Path | str,
    number: int = 8,
    seed: int = 0,
    *,
    home: Path | str | None = None,
    sample: Mapping[str, object] | None = None,
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
        sample: how a checkpoint draws, by the keys of a recipe's `generator.sample`: steps, guidance,
            solver, batch. Their values change pixels.
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
        section = asked_section(GridSection(), number, seed, facets)
        generator, grid = _of_checkpoint(name, section, sample or {})
    elif sample is not None:
        raise InputError(
            f"sample={dict(sample)} is for a checkpoint, and {name} is a recipe, which says in "
            "generator.sample how to draw: leave it out"
        )
    else:
        told = _needs_no_training(load_recipe(name))
        section = asked_section(told.grid, number, seed, facets)
        generator, grid = _of_recipe(told.model_copy(update={"grid": section}), home)
    prompts = in_turns(grid, number)
    pairs = generator.generate(prompts, [prompt.seed for prompt in prompts])
    classes = {each: domain.label_map for each, domain in grid.domains.items()}
    return DataSet(name, classes, len(pairs), lambda: pairs)


def _of_checkpoint(
    name: str, section: GridSection, sample: Mapping[str, object]
) -> tuple[Generator, PromptGrid]:
    generator = generator_named(name, sample)
    return generator, PromptGrid(section, generator.domains)


def _of_recipe(recipe: Recipe, home: Path | str | None) -> tuple[Generator, PromptGrid]:
    settings = load_settings(None if home is None else Path(home))
    with open_context(recipe, settings) as context:
        if isinstance(context.grid, VolumeGrid):
            raise InputError(
                f"recipe {recipe.name} asks for whole volumes (grid.unit), of which no number of "
                "pairs can be taken: run it, and open its data set"
            )
        return context.build_generator(), context.grid


def _needs_no_training(recipe: Recipe) -> Recipe:
    if recipe.generator.trains:
        raise InputError(
            f"recipe {recipe.name} trains its generator, which takes long: run `medpair train` "
            "with it, and give the checkpoint folder that it names"
        )
    return recipe
