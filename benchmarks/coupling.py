"""Does joint cross-attention earn its cost? Each coupling, trained for the same processor time.

Text encoder and autoencoder are those of the recorded chest X-ray checkpoint, whose latents every
denoiser learns; seeds, batches and rates are the same, and only the couplings differ, and with
them how many steps fit into the time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import DDIMScheduler
from tqdm import tqdm

from benchmarks.figures import Figure, show
from benchmarks.xrays import DATA, RECORDED, XRays
from evaluation.metrics.registry import headlines
from factory.generators.medsegfactory import MedSegFactory
from factory.models.checkpoints import Components, checkpoint_digest, load_components
from factory.models.dual_stream import COUPLINGS, DualStreamUNet
from factory.pairs import PairBatch
from factory.settings import Augmentation, PairTrainSection
from factory.training.denoiser import train_denoiser
from factory.training.latents import Latents
from factory.training.medsegfactory import medsegfactory
from factory.training.steps import Progress
from factory.training.system import Encoders

Value = TypeVar("Value")

TIMED = 4  # steps that tell how many fit; two more warm up
PAIRS = 64


def finished(loop: Generator[Progress, None, Value]) -> Value:
    """What a loop that yields progress returns at its end."""
    while True:
        try:
            next(loop)
        except StopIteration as end:
            value: Value = end.value
            return value


def steps_within(seconds: float, loop: Iterator[Progress]) -> int:
    """How many of its steps fit into this much processor time; at least 10."""
    next(loop), next(loop)
    began = time.process_time()
    for _ in range(TIMED):
        next(loop)
    return max(10, round(seconds * TIMED / (time.process_time() - began)))


@dataclass(frozen=True)
class Setup:
    """What every coupling is given: encoders, latents, schedule, rates and seed."""

    xrays: XRays
    recorded: Components[DualStreamUNet]
    train: Latents
    held_out: Latents
    section: PairTrainSection
    seed: int

    @staticmethod
    def of(xrays: XRays, section: PairTrainSection, seed: int) -> Setup:
        """Encodes the X-rays with the recorded checkpoint."""
        recorded, data = load_components(RECORDED), xrays.training_data()
        system = medsegfactory(data, xrays.spec.preset, "joint", None, seed)
        encoders = Encoders(recorded.autoencoder, recorded.text)
        train = finished(system.encode(data.train, encoders, section.augment))
        held_out = finished(system.encode(data.held_out, encoders, Augmentation(copies=1)))
        return Setup(xrays, recorded, train, held_out, section, seed)

    def denoiser(self, coupling: str) -> DualStreamUNet:
        """An untrained one."""
        encoders = Encoders(self.recorded.autoencoder, self.recorded.text)
        system = medsegfactory(
            self.xrays.training_data(), self.xrays.spec.preset, coupling, None, self.seed
        )
        return system.denoiser(encoders, self.train, self.scheduler.alphas_cumprod, self.seed)

    @property
    def scheduler(self) -> DDIMScheduler:
        """The recorded noise schedule."""
        return DDIMScheduler.from_config(dict(self.recorded.scheduler_config))

    def loop(self, unet: DualStreamUNet, steps: int, file: Path) -> Iterator[Progress]:
        """The training of so many steps, validated at its end."""
        spec = self.section.model_copy(update={"steps": steps, "validate_every": steps})
        return train_denoiser(
            unet, self.scheduler, self.train, self.held_out, spec, self.seed, file
        )

    def drawn(self, unet: DualStreamUNet, name: str) -> PairBatch:
        """Pairs of the trained network."""
        components = replace(self.recorded, unet=unet.eval())
        recipe, sample = self.xrays.recipe, self.xrays.spec.sample
        return self.xrays.drawn(MedSegFactory(components, name, recipe.image, sample), PAIRS)


def compare(setup: Setup, coupling: str, seconds: float) -> dict[str, Figure]:
    """Trains one coupling for so much processor time and judges what it draws."""
    unet, losses = setup.denoiser(coupling), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        trial = setup.loop(setup.denoiser(coupling), 1000, Path(folder) / "trial")
        steps = steps_within(seconds, trial)
        loop = setup.loop(unet, steps, Path(folder) / "denoiser")
        for progress in tqdm(loop, desc=coupling, total=steps, unit="step"):
            losses |= progress.losses
    scores = headlines(setup.xrays.scored(setup.drawn(unet, coupling)).scores)
    figures = {
        "steps": Figure(steps, "1"),
        "loss_image": Figure(losses["val_image_300"], "1"),
        "loss_mask": Figure(losses["val_mask_300"], "1"),
        "consistency": Figure.of(scores["consistency"]),
        "consistency_closed": Figure.of(scores["consistency_closed"]),
        "sharpness": Figure.of(scores["sharpness"]),
    }
    return {f"{name}_{coupling}": figure for name, figure in figures.items()}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="2 minutes of training each, not 20")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--source", type=Path, default=DATA, help="folder of the X-rays")
    parser.add_argument("--couplings", nargs="+", default=["joint", "concat"], choices=COUPLINGS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    xrays = XRays.at(arguments.source)
    section = xrays.spec.train
    if section is None:
        raise TypeError("recipe cxr-lungs trains nothing")
    setup = Setup.of(xrays, section, arguments.seed)
    seconds = 120.0 if arguments.quick else 1200.0
    figures: dict[str, Figure] = {}
    for coupling in arguments.couplings:
        figures |= compare(setup, coupling, seconds)
    notes = {"checkpoint": checkpoint_digest(RECORDED)[:12], "processor_seconds": seconds}
    show("coupling", figures, notes, arguments.json)


if __name__ == "__main__":
    main()
