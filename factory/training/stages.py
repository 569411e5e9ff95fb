"""The stages that every system's training goes through: finished ones are read back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from factory.models.autoencoder import Autoencoder
from factory.models.checkpoints import Components, Network, read_card
from factory.models.denoiser import Config
from factory.models.lineage import KEY as ANCESTRY
from factory.models.lineage import Ancestor, with_ancestor
from factory.models.text import TextEncoder, train_text_encoder
from factory.settings import Augmentation, SystemTraining
from factory.training.autoencoder import measure_latents, new_autoencoder, train_autoencoder
from factory.training.data import TrainingData
from factory.training.latents import Latents
from factory.training.resume import save_whole
from factory.training.sentences import Sentence
from factory.training.steps import Progress

Encoding = Generator[Progress, None, Latents]


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

    def fitted(self, size: Config) -> dict[str, object]:
        """Configuration of a UNet of this size that reads these latents and texts."""
        channels = self.autoencoder.vae.config.latent_channels
        return {
            **size,
            "in_channels": channels,
            "out_channels": channels,
            "cross_attention_dim": self.text.dim,
        }


def text_stage(
    start: Components[Network] | None,
    sentences: Sequence[Sentence],
    section: SystemTraining,
    folder: Path,
) -> Generator[Progress, None, TextEncoder]:
    """The text encoder of `start`, a pretrained one, or a small one trained on these sentences."""
    if start is not None:
        return start.text
    if section.text.start is not None:
        return TextEncoder.load(section.text.start)
    done = folder / "text"
    if not done.is_dir():
        torch.manual_seed(section.seed)
        text = yield from train_text_encoder(sentences, section.text, section.seed)
        save_whole(text.save, done)
    return TextEncoder.load(done)


def autoencoder_stage(
    start: Components[Network] | None,
    images: Tensor,
    masks: Tensor,
    section: SystemTraining,
    folder: Path,
) -> Generator[Progress, None, Autoencoder]:
    """The autoencoder of `start`, or a small one, trained on these pictures.

    Args:
        start: where it starts, None for a linear code.
        images: (N, 3, H, W) uint8.
        masks: (N, 3, H, W) uint8, coded masks; (0, 3, H, W) for a model of images alone.
        section: steps and rates; 0 steps keep what it starts from.
        folder: where it is kept once it is finished, and resumed until then.
    """
    done = folder / "vae"
    if not done.is_dir():
        torch.manual_seed(section.seed)
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


def latents_stage(
    encode: Callable[[Augmentation], Encoding],
    encoders: Encoders,
    augmentation: Augmentation,
    file: Path,
    wording: str = "",
) -> Encoding:
    """Latents read back from a file, or encoded and kept there.

    Args:
        encode: makes them.
        encoders: their digest and the augmentation say whether those in the file still hold.
        augmentation: which variants are encoded.
        file: where they are kept.
        wording: of what the texts say, where that is not fixed.
    """
    key = f"{encoders.digest} {augmentation.model_dump_json()}{wording}"
    if (cached := Latents.load(file, key)) is not None:
        return cached
    latents = yield from encode(augmentation)
    latents.save(file, key)
    return latents


def make_card(
    system: str,
    data: TrainingData,
    section: SystemTraining,
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
