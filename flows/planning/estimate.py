"""About how long a recipe takes on this machine, from one step of each network it needs."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from evaluation.networks.classifier import new_classifier
from evaluation.networks.registry import CLASSIFIERS, NNUNET, NNUNET3D, VOLUME_SEGMENTERS
from evaluation.networks.segmenter import new_segmenter
from evaluation.pairs import Images
from evaluation.settings import UtilitySection
from evaluation.utility.arm_search import arm_steps
from evaluation.utility.arms import Arm
from evaluation.utility.downstream_task import task_of
from evaluation.utility.registry import TASKS
from evaluation.volumes.segmenter import BATCH, DEPTH, new_volume_segmenter
from factory.generators.spec import Passes
from factory.images import ImageSection
from factory.models.autoencoders.base import Autoencoder
from factory.models.denoiser import Denoiser, predictions
from factory.prompts.volume_grid import AnyGrid
from flows.planning.recipe import AnyGenerator, Recipe

PROBE = 4  # pairs in one probe
PROBES = 3
ENOUGH_SECONDS = 0.5  # of processor time; what takes longer need not be probed again
OVERHEAD_SECONDS = 90.0  # starting Prefect, Dask and MLflow, reading, scoring, reporting
TEXT_TOKENS = 24
SEGMENTER_BATCH, CLASSIFIER_BATCH = 8, 16
LATENT_CHANNELS = 4
FLOAT_BYTES, HALF_BYTES = 4, 2
RESUMED_BYTES = 4 * FLOAT_BYTES  # of a weight, its average and both moments of AdamW
TRAINING_PASSES = 3  # back through a network costs about twice the way there


@dataclass(frozen=True)
class Budget:
    """What training downstream models costs on this machine.

    Attributes:
        networks: how many are still to be trained, by what they are called.
        steps: of each.
        seconds: about how long all of them take.
        searches: steps of the searches of all arms that choose how they are trained.
    """

    networks: Mapping[str, int]
    steps: int
    seconds: float
    searches: int = 0

    def __str__(self) -> str:
        counts = [f"{n} {name}{'s' * (n > 1)}" for name, n in self.networks.items()]
        if not counts:
            return "every model was trained before"
        one = " and ".join(counts)
        minutes = math.ceil(self.seconds / 60)
        length = "less than a minute" if self.seconds < 60 else f"about {minutes} minutes"
        search = f" and {self.searches} of searches" if self.searches else ""
        return f"{one} x {self.steps} steps{search}, {length} here"


def budget(arms: Sequence[Arm], section: UtilitySection, image: ImageSection) -> Budget:
    """What training some arms costs, from one step of each of their networks.

    Args:
        arms: each to be trained.
        section: of the recipe.
        image: size and channels.
    """
    steps: Counter[str] = Counter()
    for arm in arms:
        steps[arm.network] += arm_steps(arm, section)
    spent = sum(number * network_step(image, kind) for kind, number in steps.items())
    searches = steps.total() - len(arms) * section.steps
    networks = Counter(task_of(arm, TASKS).network for arm in arms)
    return Budget(networks, section.steps, spent, searches)


def seconds(recipe: Recipe, grid: AnyGrid, network_steps: Mapping[str, int], workers: int) -> float:
    """About how long all of a recipe takes, probing each network with a pass.

    Args:
        recipe: what to do.
        grid: its prompts.
        network_steps: of all judges, segmenters and classifiers together, by kind of network.
        workers: that draw pairs side by side; everything else happens in one process.
    """
    spec, image = recipe.generator, recipe.image
    total = OVERHEAD_SECONDS
    total += sum(steps * network_step(image, kind) for kind, steps in network_steps.items())
    if (passes := PassSeconds.of(spec, image)) is None:
        return total + len(grid) / workers * timed(lambda: draw_one(recipe, grid))
    return total + passes.training(spec) + len(grid) / workers * passes.over(spec.passes(grid))


def training_bytes(spec: AnyGenerator, image: ImageSection, train: int, held_out: int) -> int:
    """About how many bytes a training leaves in `models`; 0 without one.

    Args:
        spec: the generator.
        image: size and channels.
        train: pairs that it learns from.
        held_out: pairs that it is validated on.
    """
    unet, autoencoder = spec.untrained_denoiser(), spec.untrained_autoencoder(image)
    if not spec.trains or unet is None or autoencoder is None:
        return 0
    denoising, coding = (_parameters(network) for network in (unet, autoencoder))
    latent = unet.streams * LATENT_CHANNELS * (image.size // spec.latent_factor) ** 2
    kept = (train * spec.variants + held_out) * latent * FLOAT_BYTES
    return (denoising + coding) * (RESUMED_BYTES + HALF_BYTES) + coding * FLOAT_BYTES + kept


def _parameters(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


@dataclass(frozen=True)
class PassSeconds:
    """Seconds of one pass of each network of a generator, per pair."""

    denoiser: float
    autoencoder: float

    @staticmethod
    def of(spec: AnyGenerator, image: ImageSection) -> PassSeconds | None:
        """Those of a generator; None for one without networks."""
        unet, autoencoder = spec.untrained_denoiser(), spec.untrained_autoencoder(image)
        if unet is None or autoencoder is None:
            return None
        step = denoiser_pass(unet, image, spec.latent_factor)
        return PassSeconds(step, autoencoder_pass(image, autoencoder))

    def training(self, spec: AnyGenerator) -> float:
        """Seconds of all steps of its training."""
        return TRAINING_PASSES * self.over(spec.training_passes)

    def over(self, passes: Passes) -> float:
        """Seconds of so many passes."""
        return passes.denoiser * self.denoiser + passes.autoencoder * self.autoencoder


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes where nothing else runs; the first time warms up."""
    action()
    spent: list[float] = []
    while len(spent) < PROBES and sum(spent) < ENOUGH_SECONDS:
        began = time.process_time()
        action()
        spent.append(time.process_time() - began)
    # Processor time, not the clock's: other processes of a busy machine will not stay for ever.
    return min(spent) / torch.get_num_threads()


def draw_one(recipe: Recipe, grid: AnyGrid) -> None:
    """One pair by a generator without weights."""
    recipe.generator.build(recipe.image).generate([grid[0]], [grid[0].seed])


@torch.no_grad()
def denoiser_pass(unet: Denoiser, image: ImageSection, factor: int) -> float:
    """Seconds of one pass of the denoiser, per pair."""
    side = image.size // factor
    latents = torch.zeros(PROBE, LATENT_CHANNELS, side, side)
    times = torch.zeros(PROBE, dtype=torch.long)
    text = torch.zeros(PROBE, TEXT_TOKENS, int(str(unet.config["cross_attention_dim"])))
    read, at, told = ([given] * unet.streams for given in (latents, times, text))
    return timed(lambda: predictions(unet, read, at, told)) / PROBE


@torch.no_grad()
def autoencoder_pass(image: ImageSection, autoencoder: Autoencoder) -> float:
    """Seconds to encode and decode one picture."""
    picture, seeds = torch.rand(PROBE, 3, image.size, image.size), range(PROBE)
    return timed(lambda: autoencoder.decode_streams([autoencoder.encode(picture)], seeds)) / PROBE


def network_step(image: ImageSection, kind: str) -> float:
    """Seconds of one training step of a kind of segmenter or classifier."""
    if kind in CLASSIFIERS:
        classifier = new_classifier(kind, image.channels, ("one", "other"), seed=0)
        return TRAINING_PASSES * timed(
            lambda: classifier.probabilities(blank(image, CLASSIFIER_BATCH))
        )
    if kind in (NNUNET, NNUNET3D):
        from evaluation.networks.nnunet_trainer import network_for

        whole = kind == NNUNET3D
        sides = [DEPTH] * whole + [image.size] * 2
        network = network_for(sides, image.channels, 1)
        batch = torch.zeros(BATCH if whole else SEGMENTER_BATCH, image.channels, *sides)
        with torch.no_grad():
            return TRAINING_PASSES * timed(lambda: network(batch))
    if kind in VOLUME_SEGMENTERS:
        volume = new_volume_segmenter(kind, image.channels, ("any",), seed=0)
        return TRAINING_PASSES * BATCH * timed(lambda: volume.predict(blank(image, DEPTH)))
    segmenter = new_segmenter(kind, image.channels, ("any",), seed=0)
    return TRAINING_PASSES * timed(lambda: segmenter.predict(blank(image, SEGMENTER_BATCH)))


def blank(image: ImageSection, count: int) -> Images:
    """A batch of black images."""
    return np.zeros((count, image.size, image.size, image.channels), np.uint8)
