"""The generator that made a version, built again from the recipe that is kept with it."""

from __future__ import annotations

import numpy as np

from factory.errors import InputError
from factory.generators.base import Generator
from factory.store.damage import ranges
from factory.store.snapshot import Rows, Snapshot
from flows.datasets import weights_of
from flows.planning.plan import checked
from flows.planning.recipe import Recipe, kept_recipe
from tasks.services.settings import Settings


def generator_of(snapshot: Snapshot, settings: Settings) -> Generator:
    """The generator of a version, whose pairs come out as they were written.

    Raises:
        InputError: if its checkpoint is gone or is another one, or the real masks are that it was
            given, naming what is missing.
    """
    recipe = recipe_kept(snapshot, settings)
    spec, weights = recipe.generator, weights_of(snapshot, settings) or ()
    spec = spec.with_checkpoint(weights[0]) if spec.trains else spec
    generator = spec.build(recipe.image)
    _refuse_another(generator, snapshot, ", ".join(map(str, weights)))
    if recipe.grid.masks is None:
        return generator
    from factory.generators.mask_first import build_mask_first

    return build_mask_first(lambda: generator, checked(recipe, settings).grid.mask_library)


def refuse_given(snapshot: Snapshot, rows: Rows, remedy: str) -> None:
    """Whether the pairs of some rows follow from prompt and seed, as all of a recipe's do.

    Args:
        snapshot: whose.
        rows: to be made again.
        remedy: what to do otherwise.

    Raises:
        InputError: naming those that were made in the studio from something that is not kept.
    """
    if "by_hand" not in snapshot.attributes:
        return
    prompts = {int(row): snapshot.table[int(row)] for row in rows}
    given = np.array([row for row, p in prompts.items() if p.filled or p.mask_origin], np.int64)
    if len(given):
        raise InputError(
            f"rows {ranges(given)} of {snapshot.name} were made in the studio from a mask or a pair "
            f"that was given there and is not kept beside them, so they cannot be made again; {remedy}"
        )


def recipe_kept(snapshot: Snapshot, settings: Settings) -> Recipe:
    """The recipe that a snapshot was made by.

    Raises:
        InputError: if nothing was made there, or this release does not read it.
    """
    if (sections := snapshot.attributes.get("sections")) is None:
        raise InputError(
            f"data set {snapshot.name!r} holds no pair at {snapshot.id}; run its recipe"
        )
    return kept_recipe(sections, (), f"the recipe of {snapshot.name}", settings.home)


def _refuse_another(generator: Generator, snapshot: Snapshot, weights: str) -> None:
    wanted = str(snapshot.attributes["generator"])
    if generator.digest == wanted:
        return
    release = snapshot.attributes.get("code_version", "unknown")
    raise InputError(
        f"the pairs of {snapshot.name} at {snapshot.id} were made by generator {wanted[:12]}, and "
        f"{weights or 'this release'} makes generator {generator.digest[:12]}, whose pairs are "
        f"others; put the checkpoint of then back, or use medpair-factory {release}"
    )
