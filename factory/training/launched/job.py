"""What a launched process has to know of a training: networks, latents and settings, in a folder."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDIMScheduler

from factory.models.denoiser import Denoiser
from factory.models.unet_files import (
    UNET_CONFIG,
    load_dual_stream,
    load_text_to_image,
    read_json,
    save_network,
    write_json,
)
from factory.settings import PairTrainSection, TrainSection
from factory.training.denoiser import train_denoiser
from factory.training.latents import Latents
from factory.training.steps import Progress

TRAIN, HELD_OUT = "train.safetensors", "held_out.safetensors"
SETTINGS = "settings.json"
COUPLING = "joint"  # never asked for: what is saved says its own


@dataclass(frozen=True, eq=False)
class Job:
    """All that a denoiser's training is called with, but the file that it goes on from.

    Attributes:
        unet: untrained, or what is fine-tuned.
        scheduler: noise schedule and kind of prediction.
        latents: the training set.
        held_out: what is validated on, if anything.
        spec: steps, batch, rates.
        seed: of every draw.
    """

    unet: Denoiser
    scheduler: DDIMScheduler
    latents: Latents
    held_out: Latents | None
    spec: TrainSection
    seed: int

    def train(self, resume: Path) -> Generator[Progress, None, None]:
        """`train_denoiser` of all this."""
        parts = self.unet, self.scheduler, self.latents, self.held_out
        return train_denoiser(*parts, self.spec, self.seed, resume)

    def save(self, folder: Path) -> None:
        """Writes it into a folder that is there."""
        (folder / UNET_CONFIG).parent.mkdir()
        save_network(self.unet, folder, torch.float32)
        self.latents.save(folder / TRAIN, "")
        if self.held_out is not None:
            self.held_out.save(folder / HELD_OUT, "")
        scheduler = json.loads(self.scheduler.to_json_string())
        spec = self.spec.model_dump(mode="json")
        write_json(folder / SETTINGS, {"scheduler": scheduler, "spec": spec, "seed": self.seed})

    @classmethod
    def load(cls, folder: Path) -> Job:
        """Reads it back.

        Raises:
            ValueError: if there are no latents to train on.
        """
        latents, settings = Latents.load(folder / TRAIN, ""), read_json(folder / SETTINGS)
        if latents is None:
            raise ValueError(f"{folder} has no latents to train on")
        paired = len(latents.streams) > 1
        section: type[TrainSection] = PairTrainSection if paired else TrainSection
        return cls(
            unet=load_dual_stream(folder, COUPLING) if paired else load_text_to_image(folder),
            scheduler=DDIMScheduler.from_config(settings["scheduler"]),
            latents=latents,
            held_out=Latents.load(folder / HELD_OUT, ""),
            spec=section.model_validate(settings["spec"]),
            seed=settings["seed"],
        )
