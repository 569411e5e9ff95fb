"""What a loop may ask for: the facets of a recipe's grid, and further pairs of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.closed_loop.allocation import least_granted
from evaluation.closed_loop.facets import facet_name
from evaluation.utility.gains import mixed_arm
from factory.errors import InputError
from factory.prompts.cells import Subject
from factory.prompts.grid import PromptGrid
from factory.prompts.section import MoreSection
from factory.prompts.volume_grid import AnyGrid
from flows.planning.recipe import Recipe

_Named = tuple[str, tuple[tuple[str, Any], ...]]  # name of a facet, and what `grid.more` says of it


@dataclass(frozen=True)
class AskedFacet:
    """A part of a grid that can be asked for by itself.

    Attributes:
        name: as `evaluation.closed_loop.facets.facets_of` gives it of pairs.
        facets: what an entry of `grid.more` says of it.
        cells: combinations of the grid that show it.
        pairs: that the grid asks for of all these.
    """

    name: str
    facets: Mapping[str, Any]
    cells: int
    pairs: int

    def further(self, pairs: int) -> MoreSection:
        """The entry that asks for so many pairs, a multiple of its cells."""
        return MoreSection(facets=dict(self.facets), replicates=pairs // self.cells)


def columns_of(recipe: Recipe) -> Sequence[str]:
    """The columns of pairs by which facets stand apart: classes where the grid names them."""
    return ("domain", "finding", *(["labels"] if "classes" in recipe.grid.facets else []))


def askable(recipe: Recipe, grid: AnyGrid) -> list[AskedFacet]:
    """The facets that a loop may choose among.

    Raises:
        InputError: if there is nothing to choose, the budget is too small for the floor, or nothing
            would tell what was good.
    """
    check_tried(recipe)
    if not isinstance(grid, PromptGrid):
        raise InputError(
            f"improve chooses among pairs, and the grid of {recipe.name} asks for volumes: leave "
            "grid.unit out, or use `medpair run`"
        )
    facets, section = facets_of_grid(recipe, grid), recipe.improve
    if len(facets) < 2:
        raise InputError(
            f"the grid of {recipe.name} asks for one facet alone, {facets[0].name}, so that there is "
            "nothing to choose between: name findings or classes in grid.facets, or use `medpair run`"
        )
    if (least := sum(least_granted(each.cells, section.floor) for each in facets)) > section.pairs:
        raise InputError(
            f"improve.pairs: {section.pairs} a round are too few: a floor of {section.floor} for "
            f"each of {len(facets)} facets takes {least}; raise pairs, or lower improve.floor"
        )
    return facets


def check_tried(recipe: Recipe) -> None:
    """Whether a recipe trains a segmenter by which a version can be told from another.

    Raises:
        InputError: if not.
    """
    section = recipe.utility
    if section is None or mixed_arm(section.arms) is None or not section.segmenters:
        raise InputError(
            f"improve follows a segmenter that learns from real images and pairs, and {recipe.name} "
            "trains none: give its section utility segmenters, and an arm both, annealed or searched"
        )
    if section.folds is not None:
        raise InputError(
            "utility.folds tests other patients with each network, and improve compares versions "
            "on the same ones: leave folds out, for instance by --set utility.folds=null"
        )


def facets_of_grid(recipe: Recipe, grid: PromptGrid) -> list[AskedFacet]:
    """Every domain and finding that a recipe asks for, and every set of classes where it names some."""
    cells, pairs = Counter[_Named](), Counter[_Named]()
    for subject, replicates in grid.subjects():
        named = _facet(recipe, subject)
        cells[named] += 1
        pairs[named] += replicates
    return [AskedFacet(each[0], dict(each[1]), cells[each], pairs[each]) for each in cells]


def with_more(recipe: Recipe, facets: Sequence[AskedFacet], asked: Sequence[int]) -> Recipe:
    """The recipe that asks for further pairs of some facets; entries of one facet become one."""
    further = [each.further(pairs) for each, pairs in zip(facets, asked, strict=True) if pairs]
    merged: dict[str, MoreSection] = {}
    for entry in (*recipe.grid.more, *further):
        key = str(sorted(entry.facets.items()))
        before = merged[key].replicates if key in merged else 0
        merged[key] = entry.model_copy(update={"replicates": before + entry.replicates})
    grid = recipe.grid.model_copy(update={"more": tuple(merged.values())})
    return recipe.model_copy(update={"grid": grid})


def _facet(recipe: Recipe, subject: Subject) -> _Named:
    named = recipe.grid.facets
    said: dict[str, Any] = {"domain": subject.domain}
    said |= {"finding": subject.finding} if "finding" in named else {}
    said |= {"classes": ";".join(subject.classes)} if "classes" in named else {}
    return facet_name([str(value) for value in said.values()]), tuple(said.items())
