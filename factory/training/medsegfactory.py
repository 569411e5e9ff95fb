"""Trains the whole MedSegFactory system: text encoder, autoencoder, latents, denoiser."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from safetensors.torch import save
from torch import Tensor

from factory.images import ImageSection
from factory.models.ancestry import KEY as ANCESTRY
from factory.models.ancestry import Ancestor, with_ancestor
from factory.models.autoencoder import Autoencoder
from factory.models.checkpoints import Components, load_components, read_card, save_components
from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import PRESETS, SCHEDULE
from factory.models.text import TextEncoder, train_text_encoder
from factory.pairs import PairBatch
from factory.sections import Augmentation, TrainSection
from factory.training.autoencoder import (
    measure_latents,
    new_autoencoder,
    train_autoencoder,
)
from factory.training.ceiling import autoencoder_ceiling
from factory.training.denoiser import train_denoiser
from factory.training.latents import (
    Latents,
    encode_pairs,
    image_pictures,
    mask_pictures,
)
from factory.training.progress import Progress
from factory.training.resume import save_whole
from factory.vocabulary import Domain


@dataclass(frozen=True)
class Lesson:
    """What a model is trained on.

    Attributes:
        train: pairs to learn from.
        held_out: pairs whose losses are watched.
        domains: of all these pairs, by name.
        image: their size and channels.
        source_digest: content of the source.
        licence: of the data; goes into the checkpoint's card.
    """

    train: PairBatch
    held_out: PairBatch
    domains: Mapping[str, Domain]
    image: ImageSection
    source_digest: str
    licence: str


@dataclass(frozen=True)
class Encoders:
    """What turns pairs and texts into what the denoiser reads."""

    autoencoder: Autoencoder
    text: TextEncoder

    @property
    def digest(self) -> str:
        """Digest of both networks' weights."""
        states = (dict(self.autoencoder.state_dict()), dict(self.text.model.state_dict()))
        return hashlib.sha256(b"".join(save(state) for state in states)).hexdigest()


def _text_stage(
    start: Components | None, lesson: Lesson, section: TrainSection, folder: Path
) -> Generator[Progress, None, TextEncoder]:
    if start is not None:
        return start.text
    done = folder / "text"
    if not done.is_dir():
        torch.manual_seed(section.seed)
        text = yield from train_text_encoder(lesson.domains, section.text, section.seed)
        save_whole(text.save, done)
    return TextEncoder.load(done)


def _autoencoder_stage(
    start: Components | None, lesson: Lesson, section: TrainSection, folder: Path
) -> Generator[Progress, None, Autoencoder]:
    done = folder / "vae"
    if not done.is_dir():
        torch.manual_seed(section.seed)
        images = image_pictures(lesson.train.images)
        masks = mask_pictures(lesson.train, lesson.domains)
        if start is not None:
            autoencoder = start.autoencoder
        else:
            autoencoder = new_autoencoder(images, masks, section.autoencoder, section.seed)
            measure_latents(autoencoder, images, masks, section.seed)
        if section.autoencoder.steps:
            resume = folder / "autoencoder.resume"
            yield from train_autoencoder(
                autoencoder, images, masks, section.autoencoder, section.seed, resume
            )
        save_whole(autoencoder.save, done)
    return Autoencoder.load(done)


def _latents_stage(
    pairs: PairBatch, lesson: Lesson, encoders: Encoders, augmentation: Augmentation, file: Path
) -> Generator[Progress, None, Latents]:
    key = f"{encoders.digest} {augmentation.model_dump_json()}"
    if (cached := Latents.load(file, key)) is not None:
        return cached
    latents = yield from encode_pairs(
        pairs, lesson.domains, encoders.autoencoder, encoders.text, augmentation, seed=0
    )
    latents.save(file, key)
    return latents


def new_denoiser(
    encoders: Encoders, latents: Latents, preset: str, coupling: str, alphas: Tensor, seed: int
) -> DualStreamUNet:
    """An untrained denoiser of these latents; `alphas` are the schedule's `alphas_cumprod`."""
    torch.manual_seed(seed)
    prior = GaussianPrior.measured(latents.image, latents.mask, alphas)
    channels = encoders.autoencoder.vae.config.latent_channels
    fitted = {
        "in_channels": channels,
        "out_channels": channels,
        "cross_attention_dim": encoders.text.dim,
    }
    return DualStreamUNet({**PRESETS[preset], **fitted}, coupling, prior)


def train_medsegfactory(
    lesson: Lesson,
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
        lesson: the data.
        section: steps, rates, augmentation.
        preset: size of the denoiser, a name of `PRESETS`.
        coupling: how the streams meet, a name of `COUPLINGS`.
        start: checkpoint to fine-tune from; its text encoder, autoencoder and denoiser are the
            starting point.
        folder: becomes the checkpoint; unfinished work lies in its `training/`.
    """
    began, work = time.monotonic(), folder / "training"
    components = load_components(start, coupling) if start is not None else None
    scheduler_config = dict(components.scheduler_config) if components else dict(SCHEDULE)
    text = yield from _text_stage(components, lesson, section, work)
    autoencoder = yield from _autoencoder_stage(components, lesson, section, work)
    encoders = Encoders(autoencoder, text)
    latents = yield from _latents_stage(
        lesson.train, lesson, encoders, section.augment, work / "train.safetensors"
    )
    unchanged = Augmentation(copies=1)
    held_out = yield from _latents_stage(
        lesson.held_out, lesson, encoders, unchanged, work / "held_out.safetensors"
    )
    scheduler = DDIMScheduler.from_config(scheduler_config)
    if components is not None:
        unet = components.unet
    else:
        alphas = scheduler.alphas_cumprod
        unet = new_denoiser(encoders, latents, preset, coupling, alphas, section.seed)
    losses = autoencoder_ceiling(lesson.held_out, lesson.domains, autoencoder, held_out)
    yield Progress("ceiling", 1, 1, losses)
    for progress in train_denoiser(
        unet, scheduler, latents, held_out, section, section.seed, work / "denoiser.resume"
    ):
        losses |= progress.losses
        yield progress
    card = make_card(lesson, section, preset, coupling, start, losses, time.monotonic() - began)
    # Half precision: what it rounds away is far below what sampling adds, and files halve.
    trained = Components(unet, autoencoder, text, scheduler_config, card)
    save_components(trained, folder, torch.float16)


def make_card(
    lesson: Lesson,
    section: TrainSection,
    preset: str,
    coupling: str,
    start: Path | None,
    losses: Mapping[str, float],
    seconds: float,
) -> dict[str, object]:
    """What a checkpoint says of itself."""
    phantom = all(domain.phantom for domain in lesson.domains.values())
    learnt = Ancestor(lesson.source_digest, len(lesson.train), phantom)
    return {
        "system": "MedSegFactory (arXiv 2504.06897)",
        "preset": preset,
        "coupling": coupling,
        "image": lesson.image.model_dump(mode="json"),
        "domains": [domain.model_dump(mode="json") for domain in lesson.domains.values()],
        "train": section.model_dump(mode="json"),
        "from": start.name if start is not None else None,
        "source_digest": lesson.source_digest,
        "pairs": len(lesson.train),
        ANCESTRY: with_ancestor(None if start is None else read_card(start), learnt),
        "licence": lesson.licence,
        "losses": {name: round(value, 5) for name, value in losses.items()},
        "seconds": round(seconds),
    }
