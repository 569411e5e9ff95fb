"""Pairs asked for in a few words, of a trained model: the same words, the same pairs everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from factory.errors import InputError, refusal
from factory.generators.specs import MedSegFactorySpec
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.prompt import Prompt
from factory.prompts.section import GridSection
from flows.planning.recipe_paths import checkpoint_named

if TYPE_CHECKING:
    from factory.generators.medsegfactory import MedSegFactory

Value = str | int | float
Facets = Mapping[str, Value | Sequence[Value]]


def spec_named(name: str, sample: Mapping[str, object]) -> tuple[MedSegFactorySpec, ImageSection]:
    """The section of a trained model of image and mask, and the images that it was trained for.

    Args:
        name: its folder, or "packaged:NAME".
        sample: keys of `generator.sample` in a recipe; {} for the defaults.

    Raises:
        InputError: if a key of `sample` is unknown or out of its range, or the card is newer.
    """
    from factory.models.checkpoints import read_card

    folder = checkpoint_named(name)
    image = ImageSection.model_validate(read_card(folder).get("image", {}))
    try:
        spec = MedSegFactorySpec.model_validate({"from": folder, "sample": dict(sample)})
    except ValidationError as error:
        raise _unusable(error) from error
    return spec, image


def generator_named(name: str, sample: Mapping[str, object]) -> MedSegFactory:
    """A trained model of image and mask, ready to draw.

    Args:
        name: its folder, or "packaged:NAME".
        sample: keys of `generator.sample` in a recipe; {} for the defaults.

    Raises:
        InputError: if it is no such model, or `sample` cannot be used.
    """
    spec, image = spec_named(name, sample)
    return spec.build(image)


def asked_section(base: GridSection, number: int, seed: int, facets: Facets) -> GridSection:
    """The grid asked for, each combination so often that one alone would do.

    Args:
        base: whose facets hold where none are given.
        number: of pairs, at least one.
        seed: root of the seeds of all pairs.
        facets: a value or several each.

    Raises:
        InputError: if a value cannot be one.
    """
    given = {name: _values(value) for name, value in facets.items()}
    content = base.model_dump() | {"facets": {**base.facets, **given}}
    try:
        return GridSection.model_validate({**content, "replicates": number, "seed": seed})
    except ValidationError as error:
        raise _unusable(error) from error


def in_turns(grid: PromptGrid, number: int) -> list[Prompt]:
    """So many prompts of a grid that has as many replicates of each combination."""
    cells = len(grid) // number
    turns = [(k * cells // number if number < cells else k % cells) for k in range(number)]
    return [grid[cell * number + k // cells] for k, cell in enumerate(turns)]


def _values(value: Value | Sequence[Value]) -> tuple[Value, ...]:
    return (value,) if isinstance(value, Value) else tuple(value)


def _unusable(error: ValidationError) -> InputError:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return InputError(f"{where}={first['input']!r} cannot be used: {refusal(first)}")
