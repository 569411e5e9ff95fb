"""A recipe with all that its flows work with: the source, the grid, the store, the lake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from prefect import runtime

from evaluation.lake.lake import Lake
from factory.errors import InputError
from factory.identity import digest, first_named, run_id
from factory.prompts.grid import PromptGrid
from factory.sources.base import Source
from factory.store.repository import Store
from factory.store.runs import Run
from factory.store.shards import Layout
from flows.planning.plan import Inputs, inputs_of
from flows.planning.recipe import AnyGenerator, Recipe, load_recipe
from tasks.generator_training import checkpoint_folder
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record, Tracker
from tasks.services.progress import stage
from tasks.services.settings import Settings, load_settings


@dataclass(frozen=True, eq=False)
class Job:
    """One recipe under one home; what is expensive is worked out once.

    Attributes:
        recipe: what to do.
        settings: where.
        inputs: the source, its real pairs and the grid, checked.
        stack: closes what the job opened.
    """

    recipe: Recipe
    settings: Settings
    inputs: Inputs
    stack: ExitStack

    @cached_property
    def record(self) -> Record:
        """The parent run of all that is recorded, gone on with where there is one."""
        made = {"source", "image", "generator", "grid"}
        key = digest(first_named(self.recipe.model_dump(mode="json", include=made)))[:12]
        with stage("opening the record of runs (MLflow)"):
            tracker = Tracker.of(self.settings)
        return self.stack.enter_context(tracker.run(self.recipe.name, key, "factory"))

    @property
    def source(self) -> Source:
        """The real data."""
        return self.inputs.source

    @property
    def reference(self) -> Reference:
        """Its training and validation pairs."""
        return self.inputs.reference

    @property
    def grid(self) -> PromptGrid:
        """The pairs asked for."""
        return self.inputs.grid

    @property
    def gates_need_utility(self) -> bool:
        """Whether a gate names what only training segmenters can tell."""
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
        spec = self.recipe.generator
        if not spec.trains:
            return None
        return checkpoint_folder(
            self.settings.models, self.recipe.name, spec, self.source.digest, self.recipe.image
        )

    @cached_property
    def generator_spec(self) -> AnyGenerator:
        """The generator as workers build it: trained."""
        spec = self.recipe.generator
        return spec if self.checkpoint is None else spec.with_checkpoint(self.checkpoint)

    @property
    def weights(self) -> tuple[Path, ...]:
        """The checkpoints that make the pairs; () for a generator that has none."""
        return self.generator_spec.checkpoints

    @cached_property
    def run(self) -> Run:
        """The run as the store sees it; needs the trained generator."""
        recipe, generator = self.recipe, self.generator_spec.build(self.recipe.image)
        digests = {"source": self.source.digest, "grid": self.grid.digest}
        return Run(
            id=run_id(self.source.digest, recipe.image, generator.digest, self.grid.digest),
            grid=self.grid,
            layout=Layout.of(recipe.image.size, recipe.image.channels, shard=shard_pairs()),
            generator=generator.digest,
            label_maps={name: domain.label_map for name, domain in self.grid.domains.items()},
            sections=recipe.model_dump(mode="json", by_alias=True),
            digests=digests,
            masked=recipe.generator.makes_masks,
        )


def shard_pairs() -> int:
    """Pairs that one worker makes at a time: 10 to 60 s of work on either kind of machine."""
    return 256 if torch.cuda.is_available() else 16


def settings_of_flow(home: Path | None) -> Settings:
    """The settings of the flow that is running.

    Raises:
        InputError: if a deployment's run has no home: its worker's folder is removed after it.
    """
    if home is None and runtime.deployment.id and "MEDPAIR_HOME" not in os.environ:
        raise InputError(
            "MEDPAIR_HOME is not set where the worker runs: what this run makes would be lost "
            "with the worker's temporary folder; set it to an absolute path and start it again"
        )
    return load_settings(home)


def recipe_name() -> str:
    """Name of the flow run that is being started: its recipe's."""
    recipe = runtime.flow_run.parameters["recipe"]
    return recipe.name if isinstance(recipe, Recipe) else Path(recipe).stem


_open: ContextVar[Job | None] = ContextVar("job", default=None)


@contextmanager
def opened(recipe: Recipe | Path, home: Path | None = None) -> Iterator[Job]:
    """The job of a recipe; inside one of the same recipe and home, that one.

    Flows call one another with the recipe alone, so that each can also run by itself.
    """
    told = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    settings, outer = settings_of_flow(home), _open.get()
    if outer is not None and (outer.recipe, outer.settings) == (told, settings):
        yield outer
        return
    with ExitStack() as stack:
        job = Job(told, settings, inputs_of(told, settings), stack)
        token = _open.set(job)
        stack.callback(_open.reset, token)
        yield job
