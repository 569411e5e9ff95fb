"""The autoencoder of a training: taken over or new, trained, and kept."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import torch
from torch import Tensor

from factory.errors import InputError
from factory.models.autoencoders.base import Autoencoder
from factory.models.autoencoders.coarse import CoarseAutoencoder
from factory.models.autoencoders.files import load_autoencoder
from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.checkpoints import Components, Network
from factory.settings import AutoencoderTraining, CoarseTraining, TrainSection
from factory.training.autoencoders.coarse import new_coarse, train_coarse
from factory.training.autoencoders.kl import measure_latents, new_autoencoder, train_autoencoder
from factory.training.resume import save_whole
from factory.training.steps import Progress

Section = AutoencoderTraining | CoarseTraining


def autoencoder_stage(
    start: Components[Network] | None,
    images: Tensor,
    masks: Tensor,
    section: TrainSection,
    folder: Path,
) -> Generator[Progress, None, Autoencoder]:
    """The autoencoder of `start`, or a small one, trained on these pictures.

    Args:
        start: where it starts, None for one that has learnt nothing.
        images: (N, 3, H, W) uint8.
        masks: (N, 3, H, W) uint8, coded masks; (0, 3, H, W) for a model of images alone.
        section: steps and rates; 0 steps keep what it starts from.
        folder: where it is kept once it is finished, and resumed until then.

    Raises:
        InputError: if that of `start` is to be trained and is of another kind than the section's.
    """
    done = folder / "vae"
    if not done.is_dir():
        torch.manual_seed(section.seed)
        if start is not None:
            autoencoder = start.autoencoder
        else:
            autoencoder = untrained(images, masks, section.autoencoder, section.seed)
        if section.autoencoder.steps:
            resume = folder / "autoencoder.resume"
            yield from trained(
                autoencoder, images, masks, section.autoencoder, section.seed, resume
            )
        save_whole(autoencoder.save, done)
    return load_autoencoder(done)


def untrained(images: Tensor, masks: Tensor, section: Section, seed: int) -> Autoencoder:
    """A small autoencoder that knows the statistics of its latents: see `new_autoencoder`."""
    if isinstance(section, CoarseTraining):
        return new_coarse(images, masks, section, seed)
    autoencoder = new_autoencoder(images, masks, section, seed)
    measure_latents(autoencoder, images, masks, seed)
    return autoencoder


def trained(
    autoencoder: Autoencoder,
    images: Tensor,
    masks: Tensor,
    section: Section,
    seed: int,
    resume: Path,
) -> Iterator[Progress]:
    """Every step of an autoencoder's training in place: see `train_autoencoder`, `train_coarse`.

    Raises:
        InputError: if it is of another kind than the section's.
    """
    check_kind(autoencoder, section)
    if isinstance(section, CoarseTraining) and isinstance(autoencoder, CoarseAutoencoder):
        return train_coarse(autoencoder, images, masks, section, seed, resume)
    if isinstance(section, AutoencoderTraining) and isinstance(autoencoder, KLAutoencoder):
        return train_autoencoder(autoencoder, images, masks, section, seed, resume)
    raise TypeError(f"autoencoder {type(autoencoder).__name__} has no training of its kind")


def check_kind(autoencoder: Autoencoder, section: Section) -> None:
    """Whether an autoencoder can be trained by a section, or is kept as it is.

    Raises:
        InputError: if it is to be trained and is of another kind.
    """
    if section.steps and autoencoder.kind != section.kind:
        raise InputError(
            f"the checkpoint to start from has an autoencoder of kind {autoencoder.kind}, and "
            f"train.autoencoder is of kind {section.kind}: one cannot be trained as the other; set "
            f"train.autoencoder.kind to {autoencoder.kind}, or its steps to 0 to keep it as it is"
        )
