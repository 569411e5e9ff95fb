"""What the commands that train many models would cost; each checks its input, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.settings import UtilitySection
from evaluation.utility.arms import Arm
from evaluation.utility.learning_curve import curve_arms
from factory.images import ImageSection
from factory.store.sample import Sample
from factory.store.snapshot import Snapshot
from flows.planning.estimate import PassSeconds, budget
from flows.planning.plan import checked, planned, utility_arms
from flows.planning.real_pairs import RealPairs
from flows.planning.recipe import Recipe
from tasks.services.progress import stage
from tasks.services.settings import Settings
from tasks.specialists.contenders import contenders


@dataclass(frozen=True)
class Cost:
    """What a command would train where nothing was trained before.

    Attributes:
        models: in words.
        steps: of training, over all of them.
        seconds: about how long all of it takes on this machine.
    """

    models: str
    steps: int
    seconds: float


def utility_cost(recipe: Recipe, settings: Settings, snapshot: Snapshot) -> Cost:
    """Of testing the accepted pairs of a version in every arm.

    Raises:
        InputError: if the recipe's data cannot be read, or an arm asks for more than there is.
    """
    section = recipe.utility or UtilitySection()
    reference = checked(recipe, settings).reference
    synthetic = snapshot.read(Sample.drawn(snapshot, section.sample).accepted)
    arms = {arm.trained_as: None for arm in utility_arms(section, reference, synthetic)}
    return _of_arms(list(arms), section, recipe.image, times=section.folds or 1)


def headroom_cost(pairs: RealPairs, section: UtilitySection) -> Cost:
    """Of the learning curve of real pairs.

    Raises:
        InputError: if they cannot be read.
    """
    pairs.check()
    arms = curve_arms(pairs.reference.train, section.segmenters[0], section.seeds)
    return _of_arms(arms, section, pairs.image)


def folds_cost(recipe: Recipe, settings: Settings, count: int) -> Cost:
    """Of a generator, its pairs and all arms, once for each fold.

    Raises:
        InputError: if a fold cannot be made.
    """
    one = planned(recipe.in_fold(1, count), settings)
    steps = count * (one.training_steps + one.network_steps)
    return Cost(f"{count} generators and their arms", steps, count * one.seconds)


def compare_cost(recipe: Recipe, settings: Settings) -> Cost:
    """Of specialists and generalists.

    Raises:
        InputError: if the recipe's data cannot be read, or its generator cannot be compared.
    """
    domains = checked(recipe, settings).source.domains
    specs = [each.spec for each in contenders(recipe.source, recipe.generator, domains)]
    with stage("probing how fast this machine is"):
        passes = PassSeconds.of(recipe.generator, recipe.image)
    seconds = 0.0 if passes is None else sum(passes.training(each) for each in specs)
    return Cost(f"{len(specs)} generators", sum(each.training_steps for each in specs), seconds)


def improve_cost(recipe: Recipe, settings: Settings) -> Cost:
    """Of a generator once, and of the models of every version that a loop may come to.

    Raises:
        InputError: if the recipe's data cannot be read.
    """
    one, rounds = planned(recipe, settings), recipe.improve.rounds
    passes = PassSeconds.of(recipe.generator, recipe.image)
    once = 0.0 if passes is None else passes.training(recipe.generator)
    steps = one.training_steps + (rounds + 1) * one.network_steps
    words = f"at most {rounds + 1} versions, each with its judges and arms"
    return Cost(words, steps, once + (rounds + 1) * max(0.0, one.seconds - once))


def _of_arms(
    arms: Sequence[Arm], section: UtilitySection, image: ImageSection, times: int = 1
) -> Cost:
    with stage("probing how fast this machine is"):
        found = budget(arms, section, image)
    models = " and ".join(f"{times * n} {name}s" for name, n in found.networks.items())
    steps = len(arms) * found.steps + found.searches
    return Cost(models, times * steps, times * found.seconds)
