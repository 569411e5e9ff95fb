"""The context of a run: a recipe with all that its flows work with, handed from flow to flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, PrivateAttr

from evaluation.lake.lake import Lake
from factory.identity import digest, first_named, run_id
from factory.store.repository import Store
from factory.store.runs import Run
from factory.store.shards import Layout
from flows.planning.plan import Inputs, checked
from flows.planning.recipe import AnyGenerator, Recipe
from tasks.services.progress import stage
from tasks.services.settings import Settings

if TYPE_CHECKING:
    from factory.generators.base import Generator
    from factory.prompts.volume_grid import AnyGrid
    from factory.sources.base import Source
    from tasks.real_data import Reference
    from tasks.services.mlflow_tracking import Record


class RunContext(BaseModel):
    """One recipe under one home; what is expensive is worked out once.

    Prefect, which records what flows are handed, sees the recipe and the settings.

    Attributes:
        recipe: what to do.
        settings: where.
    """

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    settings: Settings

    _inputs: Inputs = PrivateAttr()
    _stack: ExitStack = PrivateAttr()

    @cached_property
    def record(self) -> Record:
        """The parent run of all that is recorded, gone on with where there is one."""
        from tasks.services.mlflow_tracking import Tracker

        made = {name: self.sections[name] for name in ("source", "image", "generator", "grid")}
        key = digest(first_named(made))[:12]
        with stage("opening the record of runs (MLflow)"):
            tracker = Tracker.of(self.settings)
        record = self._stack.enter_context(tracker.run(self.recipe.name, key, self.recipe.name))
        record.parameters(self.sections)
        record.text(yaml.safe_dump(self.sections, sort_keys=False), "recipe.yaml")
        return record

    @cached_property
    def sections(self) -> dict[str, Any]:
        """The recipe as it is kept: with paths that outlive a move of the home."""
        return self.recipe.portable(self.settings.home)

    @property
    def source(self) -> Source:
        """The real data."""
        return self._inputs.source

    @property
    def reference(self) -> Reference:
        """Its training and validation pairs."""
        return self._inputs.reference

    @property
    def grid(self) -> AnyGrid:
        """The pairs asked for."""
        return self._inputs.grid

    @property
    def gates_need_utility(self) -> bool:
        """Whether a gate names what only training downstream models can tell."""
        return any(name.startswith("utility") for name in self.recipe.gates)

    @cached_property
    def store(self) -> Store:
        """The data set."""
        return Store(self.settings.pairs, self.recipe.name)

    @cached_property
    def lake(self) -> Lake:
        """The record of scores."""
        return Lake(self.settings.lake)

    @cached_property
    def checkpoint(self) -> Path | None:
        """Where training leaves its checkpoint; None for a generator that is not trained."""
        spec, name = self.recipe.generator, self.recipe.name
        if not spec.trains:
            return None
        models, image = self.settings.models, self.recipe.image
        return spec.checkpoint_folder(models, name, self.source.digest, image)

    @cached_property
    def generator_spec(self) -> AnyGenerator:
        """The generator as workers build it: trained."""
        spec = self.recipe.generator
        return spec if self.checkpoint is None else spec.with_checkpoint(self.checkpoint)

    @property
    def build_generator(self) -> Callable[[], Generator]:
        """Builds the generator on a worker, with the training masks that it makes images for."""
        build = partial(self.generator_spec.build, self.recipe.image)
        if self.recipe.grid.masks is None:
            return build
        from factory.generators.mask_first import build_mask_first

        return partial(build_mask_first, build, self.grid.mask_library)

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """What makes the pairs; () for a generator without weights."""
        return self.generator_spec.checkpoints

    @cached_property
    def run(self) -> Run:
        """The run as the store sees it; needs the trained generator."""
        recipe, generator = self.recipe, self.generator_spec.build(self.recipe.image)
        source, grid = self.source.digest, self.grid.digest
        return Run(
            id=run_id(source, recipe.image, generator.digest, grid),
            grid=self.grid,
            layout=Layout.of(recipe.image.size, recipe.image.channels, shard=shard_pairs()),
            generator=generator.digest,
            label_maps={name: domain.label_map for name, domain in self.grid.domains.items()},
            sections=self.sections,
            digests={"source": source, "grid": grid},
            masked=recipe.generator.makes_masks,
        )


@contextmanager
def open_context(recipe: Recipe, settings: Settings) -> Iterator[RunContext]:
    """Checks a recipe and gives its context; what that opened is closed after the block.

    Raises:
        RecipeError: with a line for everything that is wrong.
    """
    with ExitStack() as stack:
        context = RunContext(recipe=recipe, settings=settings)
        context._inputs, context._stack = checked(recipe, settings), stack
        yield context


def shard_pairs() -> int:
    """Pairs that one worker makes at a time: 10 to 60 s of work on either kind of machine."""
    import torch

    return 256 if torch.cuda.is_available() else 16
