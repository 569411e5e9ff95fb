"""What a recipe would do, and everything that is wrong with it, before anything is written.

Nothing here imports Prefect, so a mistake is told in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

import evaluation.errors
from evaluation.features.registry import check_usable
from evaluation.lake.lake import Lake
from evaluation.metrics.metric import Need
from evaluation.metrics.registry import needs_of
from evaluation.pairs import Pairs, domain_of, take
from evaluation.scoring.judges import learnable_findings
from evaluation.settings import UtilitySection
from evaluation.utility.arm_search import arm_steps
from evaluation.utility.arms import Arm
from evaluation.utility.registry import every_arm
from evaluation.utility.unseen_classes import check_unseen, without
from factory.errors import InputError
from factory.generators import GENERATORS
from factory.prompts.captions.retrieval import CaptionLibrary
from factory.prompts.grid import PromptGrid
from factory.prompts.volume_grid import AnyGrid, VolumeGrid
from factory.sources.base import Source
from factory.sources.volumes.checks import stack_faults
from factory.store.repository import Store
from flows.planning.recipe import Recipe, RecipeError
from tasks.real_data import Reference
from tasks.services.progress import stage
from tasks.services.settings import Settings

INPUT_ERRORS = (InputError, evaluation.errors.InputError)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a recipe starts from, checked: its source, its real pairs, its grid of prompts."""

    recipe: Recipe
    source: Source
    reference: Reference
    grid: AnyGrid


@dataclass(frozen=True)
class Plan:
    """What a run of a recipe would make and cost.

    Attributes:
        dataset: name.
        pairs: number asked for.
        domains: that they show.
        real: real pairs by split.
        training_steps: of the generator; 0 where it comes trained.
        network_steps: of whatever is trained to score and try the pairs.
        seconds: about how long all of it takes on this machine.
        bytes: about how much the pairs take, before compression.
        training_bytes: about how much the generator's training leaves where nothing was trained.
    """

    dataset: str
    pairs: int
    domains: list[str]
    real: dict[str, int]
    training_steps: int
    network_steps: int
    seconds: float
    bytes: int
    training_bytes: int


def checked(recipe: Recipe, settings: Settings) -> Inputs:
    """The inputs of a recipe.

    Raises:
        RecipeError: with a line for everything that is wrong: files, prompts, checkpoint, store.
    """
    problems = Problems()
    with problems.noted():
        source = recipe.source.build()
    problems.refuse()
    problems.lines += source.problems(recipe.image)
    with problems.noted():
        grid = PromptGrid(recipe.grid, source.domains)
    with problems.noted():
        check_home(recipe, settings)
    problems.refuse()
    with problems.noted():
        check_generator(recipe, grid)
    with problems.noted():
        check_fold(recipe)
    for features in recipe.evaluate.features:
        with problems.noted():
            check_usable(features, recipe.image.size, recipe.image.channels)
    with problems.noted():
        reference = Reference.of(source, recipe.image)
        if recipe.grid.retrieve is not None:
            grid = grid.retrieving(CaptionLibrary.of(reference.train.facets))
        check_pairs(recipe, reference, grid)
        check_volumes(recipe, reference, grid)
        asked = _with_masks(grid, recipe, reference)
    problems.refuse()
    # By a text encoder, which is sound only now.
    with problems.noted():
        cells = [cell for cell, _ in asked.runs()]
        recipe.generator.check_prompts(cells, reference.train, reference.domains)
    problems.refuse()
    return Inputs(recipe, source, reference, asked)


def _with_masks(grid: PromptGrid, recipe: Recipe, reference: Reference) -> AnyGrid:
    """The grid with masks of training pairs or whole volumes, where the recipe wants them."""
    if (section := recipe.grid.masks) is None:
        return grid
    from factory.prompts.masks.library import MaskLibrary

    given = reference.train, reference.domains, section
    if recipe.grid.unit == "volume":
        return VolumeGrid(grid.painting(MaskLibrary.of_volumes(*given)), recipe.grid.coherence)
    return grid.painting(MaskLibrary.of(*given))


def planned(recipe: Recipe, settings: Settings) -> Plan:
    """What a run of a recipe would make and cost; writes nothing.

    Raises:
        RecipeError: with a line for everything that is wrong.
    """
    inputs = checked(recipe, settings)
    from flows.planning.estimate import seconds, training_bytes
    from tasks.services.dask_cluster import worker_count

    grid, reference = inputs.grid, inputs.reference
    steps = _network_steps(recipe, reference, grid)
    with stage("probing how fast this machine is"):
        duration = seconds(recipe, grid, steps, worker_count(settings.workers))
    return Plan(
        dataset=recipe.name,
        pairs=len(grid),
        domains=list(grid.domains),
        real={"train": len(reference.train), "val": len(reference.held_out)},
        training_steps=recipe.generator.training_steps,
        network_steps=steps.total(),
        seconds=duration,
        bytes=len(grid) * recipe.image.size**2 * (recipe.image.channels + 1),
        training_bytes=training_bytes(
            recipe.generator, recipe.image, len(reference.train), len(reference.held_out)
        ),
    )


def _network_steps(recipe: Recipe, reference: Reference, grid: AnyGrid) -> Counter[str]:
    """Steps of whatever is trained to score and try the pairs, by kind of network."""
    section = recipe.evaluate
    judged = len(grid.domains) if recipe.generator.makes_masks else 0
    classified = sum(bool(learnable_findings(reference.train, domain)) for domain in grid.domains)
    # The other way round, a tstr_segmenter learns for as long as the judge.
    steps = Counter({section.judge: judged * section.judge_steps * (1 + section.tstr)})
    steps[section.finding_classifier] += classified * section.finding_classifier_steps
    if "encoder" in section.features:
        # A step of an encoder takes about as long as one of a judge.
        steps[section.judge] += judged * section.encoder_steps
    if recipe.utility is not None:
        # Arms that are the same training count once.
        for arm in {arm.trained_as for arm in _arms(recipe, reference, grid)}:
            steps[arm.network] += arm_steps(arm, recipe.utility) * (recipe.utility.folds or 1)
    return +steps


class Problems:
    """Collects what is wrong, so that a user sees all of it at once."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Keeps the message of a user's mistake in this block, and goes on after it."""
        try:
            yield
        except INPUT_ERRORS as error:
            self.lines += str(error).splitlines()

    def refuse(self) -> None:
        """Stops here if anything was wrong."""
        if self.lines:
            raise RecipeError(self.lines)


def check_home(recipe: Recipe, settings: Settings) -> None:
    """Whether the home can be used, and holds nothing of a newer release."""
    store = Store(settings.pairs, recipe.name)
    if store.exists():
        store.snapshot()
    Lake(settings.lake).versions(recipe.name)


def check_generator(recipe: Recipe, grid: PromptGrid) -> None:
    """Whether the generator can be built, or trained, and knows the domains it is asked for."""
    spec = recipe.generator
    check_masks(recipe)
    check_paints(recipe)
    if spec.trains:
        spec.check_start()
        return
    known = spec.build(recipe.image).domains
    if missing := [name for name in grid.domains if name not in known]:
        raise InputError(
            f"generator {spec.kind} does not know {', '.join(missing)}, only {', '.join(known)}: "
            "its pairs would show something else; change source.domains or the generator"
        )


def check_fold(recipe: Recipe) -> None:
    """Whether the generator of a fold can have met none of the patients held out.

    Raises:
        InputError: if it comes from a checkpoint that has seen anything but phantoms.
    """
    if not recipe.source.holds_out:
        return
    from factory.models.checkpoints import read_card
    from factory.models.lineage import ancestry_of

    for checkpoint in recipe.generator.checkpoints:
        ancestors = ancestry_of(read_card(checkpoint))
        if ancestors is None or not all(each.phantom for each in ancestors):
            raise InputError(
                f"the checkpoint {checkpoint} has learnt from real images, which may be of the "
                "patients that this fold holds out; have the generator trained from nothing "
                "(--set generator.from=null), or from a checkpoint of phantoms"
            )


def check_masks(recipe: Recipe) -> None:
    """Whether nothing is asked of masks where the generator makes none.

    Raises:
        InputError: naming the section and the gates that need them.
    """
    if recipe.generator.makes_masks:
        return
    lacking = [f"gates.{name}" for name in recipe.gates if Need.MASKS in needs_of(name)]
    drawing = recipe.utility is not None and recipe.utility.segmenters
    lacking += ["utility.segmenters"] if drawing else []
    if lacking:
        raise InputError(
            f"generator {recipe.generator.kind} makes images without masks, and "
            f"{', '.join(lacking)} cannot be measured without: leave that out (utility.segmenters: "
            "[] keeps classifiers), or use a generator that makes masks"
        )


def check_paints(recipe: Recipe) -> None:
    """Whether the generator can make images for masks, where masks are given.

    Raises:
        InputError: naming the generators that can.
    """
    if recipe.grid.masks is None or recipe.generator.paints:
        return
    able = ", ".join(kind for kind, spec in GENERATORS.items() if spec.paints)
    raise InputError(
        f"grid.masks gives masks to make images for, and generator {recipe.generator.kind} cannot "
        f"make images for masks: leave grid.masks out, or use one that can: {able}"
    )


def check_pairs(recipe: Recipe, reference: Reference, grid: AnyGrid) -> None:
    """Whether every domain of the grid has the real pairs that training and scores need."""
    reference.check_splits(grid.domains, masked=recipe.generator.makes_masks)
    _arms(recipe, reference, grid)


def check_volumes(recipe: Recipe, reference: Reference, grid: AnyGrid) -> None:
    """Whether all real pairs of the grid's domains are whole volumes, where volumes are asked for.

    Raises:
        InputError: with a line for each volume that is none.
    """
    if recipe.grid.unit == "pair":
        return
    lines = [
        line
        for pairs in (reference.train, reference.held_out)
        for line in stack_faults(pairs[np.isin(domain_of(pairs).astype(str), list(grid.domains))])
    ]
    if lines:
        raise InputError("\n".join(lines))


def _arms(recipe: Recipe, reference: Reference, grid: AnyGrid) -> list[Arm]:
    """The downstream models that a recipe has trained; the domains of the pairs are those of the grid."""
    if recipe.utility is None:
        return []
    asked = np.isin(domain_of(reference.train).astype(str), list(grid.domains))
    return utility_arms(recipe.utility, reference, take(reference.train, asked))


def utility_arms(section: UtilitySection, reference: Reference, synthetic: Pairs) -> list[Arm]:
    """The downstream models that a section has trained with some pairs.

    Raises:
        InputError: if an arm asks for more than there is, or a class cannot be kept unseen.
    """
    check_unseen(section, reference.train, synthetic, reference.classes)
    train = without(reference.train, section.unseen, reference.classes)
    return every_arm(section, train, synthetic)
