"""What is it worth to tell a denoiser where cells lie, or lay, and every layer what the text says?

The same network on the coarse pictures of a recipe's real pairs, as it is (`wide`) and told less
(`still`: not how variants were moved), with the same seeds, batches and rates; what draws the detail is
not needed for that and not trained. Printed are losses on held-out pairs by noise level, 1 being what
knowing the mean image of a domain alone achieves.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from tqdm import tqdm

from benchmarks.coupling import finished
from benchmarks.figures import Figure, show
from factory.generators.specs import MedSegFactorySpec
from factory.models.denoiser import Config
from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import SCHEDULE, WIDE
from factory.settings import Augmentation, CoarseTraining, PairTrainSection
from factory.training.autoencoders.coarse import new_coarse
from factory.training.data import TrainingData
from factory.training.denoiser import VALIDATION_TIMESTEPS, train_denoiser
from factory.training.latents import Latents
from factory.training.medsegfactory import medsegfactory
from factory.training.system import Encoders
from factory.training.text import train_text_encoder
from flows.planning.recipe import Recipe, load_recipe
from tasks.generator_training import training_data
from tasks.real_data import Reference

STILL = "still"
TOLD: Mapping[str, Config] = {
    "both": {},
    "places": {"addition_embed_type": None},
    "text": {"octaves": 0},
    "neither": {"addition_embed_type": None, "octaves": 0},
    STILL: {},
}


@dataclass(frozen=True)
class Setup:
    """What every variant is given: encoders, latents, rates and seed."""

    encoders: Encoders
    size: int
    train: Latents
    held_out: Latents
    section: PairTrainSection

    @staticmethod
    def of(data: TrainingData, section: PairTrainSection) -> Setup:
        """Encodes the pairs by an autoencoder that need not draw."""
        if not isinstance(section.autoencoder, CoarseTraining):
            raise TypeError("this recipe's latents are no coarse pictures")
        learnt = data.masked().balanced() if section.balance else data.masked()
        system = medsegfactory(learnt, "wide", "concat", None, section.seed)
        text = finished(train_text_encoder(system.sentences, section.text, section.seed))
        image, mask = (pictures(learnt.train) for pictures in system.pictures)
        encoders = Encoders(new_coarse(image, mask, section.autoencoder, section.seed), text)
        train = finished(system.encode(learnt.train, encoders, section.augment))
        held_out = finished(system.encode(learnt.held_out, encoders, Augmentation(copies=1)))
        return Setup(encoders, data.image.size, train, held_out, section)

    @property
    def still(self) -> Setup:
        """The same, with variants said to be pairs as they are."""
        alike = torch.eye(2, 3).repeat(len(self.train), 1, 1)
        return replace(self, train=replace(self.train, moved=alike))

    def losses(self, changes: Config, steps: int) -> Mapping[str, float]:
        """Those on held-out pairs after so many steps of a training that would go on."""
        scheduler = DDIMScheduler.from_config(dict(SCHEDULE))
        prior = GaussianPrior.measured(self.train.streams, scheduler.alphas_cumprod)
        torch.manual_seed(self.section.seed)
        config = self.encoders.fitted({**WIDE, **changes}, self.size)
        unet = DualStreamUNet(config, "concat", prior)
        spec = self.section.model_copy(update={"validate_every": steps})
        with tempfile.TemporaryDirectory() as folder:
            loop = train_denoiser(
                *(unet, scheduler, self.train, self.held_out, spec, spec.seed),
                Path(folder) / "denoiser",
            )
            for progress in tqdm(loop, total=steps, unit="step"):
                if progress.step == steps:
                    return progress.losses
        raise ValueError(f"the recipe trains fewer than {steps} steps")


def section_of(recipe: Recipe) -> PairTrainSection:
    """How its generator is trained."""
    if not isinstance(recipe.generator, MedSegFactorySpec) or recipe.generator.train is None:
        raise TypeError(f"recipe {recipe.name} trains no model of images and masks")
    return recipe.generator.train


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", help="whose latents are coarse pictures: cxr-lungs, open-128, …")
    parser.add_argument("--quick", action="store_true", help="100 steps, not 500")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    parser.add_argument("--told", nargs="+", default=["both", "neither"], choices=list(TOLD))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load_recipe(arguments.recipe, arguments.set)
    reference = Reference.of(recipe.source.build(), recipe.image)
    setup = Setup.of(training_data(reference), section_of(recipe))
    steps = 100 if arguments.quick else 500
    figures: dict[str, Figure] = {}
    for name in arguments.told:
        found = (setup.still if name == STILL else setup).losses(TOLD[name], steps)
        for t in VALIDATION_TIMESTEPS:
            for stream in ("image", "mask"):
                figures[f"{stream}_{t}_{name}"] = Figure(found[f"val_{stream}_{t}"], "1")
    show("conditioning", figures, {"steps": steps}, arguments.json)


if __name__ == "__main__":
    main()
