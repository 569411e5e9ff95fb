"""Trains the whole MedSegFactory system: text encoder, autoencoder, latents, denoiser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from factory.models.checkpoints import Components, load_components, save_components
from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import PRESETS, SCHEDULE
from factory.pairs import PairBatch
from factory.settings import Augmentation, TrainSection
from factory.training.autoencoder_limit import autoencoder_ceiling
from factory.training.data import TrainingData
from factory.training.denoiser import train_denoiser
from factory.training.latents import Latents, encode_pairs, image_pictures, mask_pictures
from factory.training.sentences import corpus, with_vocabulary
from factory.training.stages import (
    Encoders,
    Encoding,
    autoencoder_stage,
    latents_stage,
    make_card,
    text_stage,
)
from factory.training.steps import Progress
from factory.training.stopwatch import Stopwatch


def new_denoiser(
    encoders: Encoders, latents: Latents, preset: str, coupling: str, alphas: Tensor, seed: int
) -> DualStreamUNet:
    """An untrained denoiser of these latents; `alphas` are the schedule's `alphas_cumprod`."""
    torch.manual_seed(seed)
    prior = GaussianPrior.measured(latents.streams, alphas)
    return DualStreamUNet(encoders.fitted(PRESETS[preset]), coupling, prior)


def train_medsegfactory(
    data: TrainingData,
    section: TrainSection,
    preset: str,
    coupling: str,
    start: Path | None,
    folder: Path,
) -> Iterator[Progress]:
    """Trains into `folder` and yields every step of every stage.

    A rerun goes on where the last one stopped: finished stages are read back, the running one
    resumes. The finished checkpoint has the hub's layout and a card.

    Args:
        data: the data; pairs without a mask are left out.
        section: steps, rates, augmentation.
        preset: size of the denoiser, a name of `PRESETS`.
        coupling: how the streams meet, a name of `COUPLINGS`.
        start: checkpoint to fine-tune from; its text encoder, autoencoder and denoiser are the
            starting point.
        folder: becomes the checkpoint; unfinished work lies in its `training/`.
    """
    work = folder / "training"
    watch = Stopwatch(work / "seconds")
    data = data.masked()
    components = load_components(start, coupling) if start is not None else None
    scheduler_config = dict(components.scheduler_config) if components else dict(SCHEDULE)
    sentences = corpus(with_vocabulary(data.domains), seed=section.seed)
    text = yield from watch.over(text_stage(components, sentences, section, work))
    images = image_pictures(data.train.images)
    masks = mask_pictures(data.train, data.domains)
    autoencoder = yield from watch.over(autoencoder_stage(components, images, masks, section, work))
    encoders = Encoders(autoencoder, text)

    def encoded(pairs: PairBatch, augmentation: Augmentation, name: str) -> Encoding:
        def encode(chosen: Augmentation) -> Encoding:
            return encode_pairs(pairs, data.domains, autoencoder, text, chosen, seed=0)

        file = work / f"{name}.safetensors"
        return watch.over(latents_stage(encode, encoders, augmentation, file))

    latents = yield from encoded(data.train, section.augment, "train")
    held_out = yield from encoded(data.held_out, Augmentation(copies=1), "held_out")
    scheduler = DDIMScheduler.from_config(scheduler_config)
    if components is not None:
        unet = components.unet
    else:
        alphas = scheduler.alphas_cumprod
        unet = new_denoiser(encoders, latents, preset, coupling, alphas, section.seed)
    losses = autoencoder_ceiling(data.held_out, data.domains, autoencoder, held_out)
    yield Progress("ceiling", 1, 1, losses)
    denoising = train_denoiser(
        unet, scheduler, latents, held_out, section, section.seed, work / "denoiser.resume"
    )
    for progress in watch.over(denoising):
        losses |= progress.losses
        yield progress
    card = make_card(
        "MedSegFactory (arXiv 2504.06897)",
        data,
        section,
        {"preset": preset, "coupling": coupling},
        start,
        losses,
        watch.seconds,
    )
    # Half precision: what it rounds away is far below what sampling adds, and files halve.
    trained = Components(unet, autoencoder, text, scheduler_config, card)
    save_components(trained, folder, torch.float16)
