"""Trains a whole system of one stream or two: text encoder, autoencoder, latents, denoiser."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import torch
from diffusers import DDIMScheduler
from safetensors.torch import save
from torch import Tensor

from factory.models.autoencoders.base import Autoencoder
from factory.models.checkpoints import Components, Network, read_card
from factory.models.denoiser import Config
from factory.models.gaussian_prior import GaussianPrior
from factory.models.lineage import KEY as ANCESTRY
from factory.models.lineage import Ancestor, with_ancestor
from factory.models.presets import SCHEDULE
from factory.models.text import TextEncoder, by_clause
from factory.pairs import PairBatch
from factory.settings import Augmentation, TrainSection
from factory.training.autoencoders.limit import autoencoder_limit
from factory.training.autoencoders.stage import autoencoder_stage
from factory.training.data import TrainingData
from factory.training.latents import (
    Encoding,
    Latents,
    Pictures,
    Texts,
    encode_streams,
    latents_stage,
)
from factory.training.launched.job import Job
from factory.training.launched.launcher import train_launched
from factory.training.resume import Stopwatch
from factory.training.sentences import Sentence
from factory.training.steps import Progress
from factory.training.text import text_stage


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

    def fitted(self, size: Config, side: int) -> dict[str, object]:
        """Configuration of a UNet of this size that reads these texts, and latents of `side` px."""
        fold = self.autoencoder.fold(side, int(str(size["sample_size"])))
        channels = self.autoencoder.channels * fold**2
        return {
            **size,
            **({"fold": fold} if fold > 1 else {}),
            "in_channels": channels,
            "out_channels": channels,
            "cross_attention_dim": self.text.dim,
        }


@dataclass(frozen=True, eq=False)
class System(Generic[Network]):
    """A model of S streams: what its training needs to know of it.

    Attributes:
        name: with its paper, for the card.
        about: what else the card says of it.
        data: what is learnt from.
        start: parts to fine-tune; None for small ones from nothing.
        sentences: what a small text encoder learns.
        pictures: of pairs for each stream, the image first.
        texts: of pairs for each stream, as long as the encoder reads.
        new: an untrained denoiser of what encoders make, beside a prior.
        wording: of the texts, where that is not fixed: kept latents hold for it alone.
        clauses: whether texts are read clause by clause.
    """

    name: str
    about: Mapping[str, object]
    data: TrainingData
    start: Components[Network] | None
    sentences: Sequence[Sentence]
    pictures: Sequence[Pictures]
    texts: Callable[[PairBatch, TextEncoder], Texts]
    new: Callable[[Encoders, GaussianPrior], Network]
    wording: str = ""
    clauses: bool = False

    @property
    def schedule(self) -> dict[str, object]:
        """Arguments of the noise schedule: that of the start, else ours."""
        return dict(SCHEDULE if self.start is None else self.start.scheduler_config)

    def encode(self, pairs: PairBatch, encoders: Encoders, augmentation: Augmentation) -> Encoding:
        """Latents and texts of every variant of every pair."""
        texts, both = self.texts(pairs, encoders.text), (encoders.autoencoder, encoders.text)
        return encode_streams(pairs, self.pictures, texts, *both, augmentation, seed=0)

    def denoiser(self, encoders: Encoders, latents: Latents, alphas: Tensor, seed: int) -> Network:
        """An untrained denoiser of these latents; `alphas` are the schedule's `alphas_cumprod`."""
        torch.manual_seed(seed)
        return self.new(encoders, GaussianPrior.measured(latents.streams, alphas))


def train_system(
    system: System[Network],
    data: TrainingData,
    section: TrainSection,
    start: Path | None,
    folder: Path,
) -> Generator[Progress, None, Components[Network]]:
    """Trains and yields every step of every stage; returns the parts, which are not yet saved.

    A rerun goes on where the last one stopped: finished stages are read back, the running one
    resumes.

    Args:
        system: what is trained.
        data: the data, as the card describes it.
        section: steps, rates, augmentation.
        start: the checkpoint of `system.start`.
        folder: becomes the checkpoint; unfinished work lies in its `training/`.
    """
    work = folder / "training"
    watch = Stopwatch(work / "seconds")
    encoders = yield from watch.over(_encoders(system, section, work))

    def encoded(pairs: PairBatch, augmentation: Augmentation, name: str) -> Encoding:
        def encode(variants: Augmentation) -> Encoding:
            return system.encode(pairs, encoders, variants)

        file = work / f"{name}.safetensors"
        return watch.over(
            latents_stage(encode, augmentation, encoders.digest, system.wording, file)
        )

    latents = yield from encoded(system.data.train, section.augment, "train")
    held_out = yield from encoded(system.data.held_out, Augmentation(copies=1), "held_out")
    scheduler = DDIMScheduler.from_config(system.schedule)
    if system.start is not None:
        unet = system.start.unet
    else:
        unet = system.denoiser(encoders, latents, scheduler.alphas_cumprod, section.seed)
    losses = autoencoder_limit(
        system.data.held_out, data.domains, encoders.autoencoder, held_out.streams
    )
    yield Progress("ceiling", 1, 1, dict(losses))
    job, resume = (
        Job(unet, scheduler, latents, held_out, section, section.seed),
        work / "denoiser.resume",
    )
    denoising = job.train(resume) if section.processes == 1 else train_launched(job, resume)
    for progress in watch.over(denoising):
        losses |= progress.losses
        yield progress
    card = _card(system.name, data, section, system.about, start, losses, watch.seconds)
    return Components(unet, encoders.autoencoder, encoders.text, system.schedule, card)


def _encoders(
    system: System[Network], section: TrainSection, work: Path
) -> Generator[Progress, None, Encoders]:
    """Text encoder and autoencoder, trained or taken over."""
    text = yield from text_stage(system.start, system.sentences, section, work)
    image, *others = (pictures(system.data.train) for pictures in system.pictures)
    mask = others[0] if others else image[:0]
    autoencoder = yield from autoencoder_stage(system.start, image, mask, section, work)
    return Encoders(autoencoder, by_clause(text) if system.clauses else text)


def _card(
    system: str,
    data: TrainingData,
    section: TrainSection,
    about: Mapping[str, object],
    start: Path | None,
    losses: Mapping[str, float],
    seconds: float,
) -> dict[str, object]:
    """What a checkpoint says of itself.

    Args:
        system: name and paper.
        data: what it was trained on.
        section: how.
        about: what else there is to say: preset, coupling, wording.
        start: checkpoint it was fine-tuned from.
        losses: the last of each name.
        seconds: that the training took, over all its starts.
    """
    phantom = all(domain.phantom for domain in data.domains.values())
    learnt = Ancestor(data.source_digest, len(data.train), phantom, data.source_parts)
    return {
        "system": system,
        **about,
        "image": data.image.model_dump(mode="json"),
        "domains": [domain.model_dump(mode="json") for domain in data.domains.values()],
        "train": section.model_dump(mode="json"),
        "from": start.name if start is not None else None,
        "source_digest": data.source_digest,
        "pairs": len(data.train),
        ANCESTRY: with_ancestor(None if start is None else read_card(start), learnt),
        "licence": data.licence,
        "losses": {name: round(value, 5) for name, value in losses.items()},
        "seconds": round(seconds),
    }
