"""What generators with weights do alike: a checkpoint made ready, full batches, pixels."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Generic, Self

import torch
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from factory.errors import InputError
from factory.identity import first_named
from factory.images import ImageSection
from factory.models.autoencoders.base import Autoencoder
from factory.models.autoencoders.ends import Ends
from factory.models.checkpoints import Components, Network, checkpoint_digest
from factory.models.number_format import format_here
from factory.pairs import Images
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.vocabulary import Domain


@dataclass(frozen=True, eq=False)
class TrainedGenerator(ABC, Generic[Network]):
    """What generators on one latent diffusion model have in common.

    Attributes:
        kind: as recipes name it.
        version: of its code path; raised when the same weights draw other pixels.
        components: the loaded checkpoint.
        weights: digest of its files.
        image: size and channels of the pairs.
        section: solver, steps, guidance and the fixed batch.
    """

    kind: ClassVar[str]
    version: ClassVar[int]

    components: Components[Network]
    weights: str
    image: ImageSection
    section: SampleSection

    @classmethod
    def load(cls, checkpoint: Path, image: ImageSection, section: SampleSection) -> Self:
        """Reads a checkpoint folder, onto the GPU where there is one.

        Raises:
            InputError: if the folder is no checkpoint, or one of another kind or for other images.
        """
        components = ready(cls.read(checkpoint), checkpoint, image)
        return cls(components, checkpoint_digest(checkpoint), image, section)

    @staticmethod
    @abstractmethod
    def read(checkpoint: Path) -> Components[Network]:
        """The parts of a checkpoint of this kind; raises InputError if it is none."""

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains the model was trained on, by name."""
        listed = self.components.card["domains"]
        return {entry["name"]: Domain.model_validate(entry) for entry in listed}

    @cached_property
    def digest(self) -> str:
        """Digest of weights, image section, sampling and version of this code path."""
        content = {
            "generator": self.kind,
            "version": self.version,
            "weights": self.weights,
            "image": self.image.model_dump(mode="json"),
            "sample": first_named(self.section.model_dump(mode="json", exclude={"number_format"})),
            "number_format": format_here(self.section.number_format),
            **self.wording(),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def wording(self) -> dict[str, object]:
        """What else decides the captions of prompts, for the digest."""
        return {}

    def text_states(self, lines: Sequence[str]) -> Tensor:
        """(B, L, D) of a caption each, where the denoiser computes."""
        return self.components.text(lines).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return next(self.components.autoencoder.parameters()).device


def ready(
    components: Components[Network], checkpoint: Path, image: ImageSection
) -> Components[Network]:
    """A checkpoint's parts, on the GPU where there is one, set to inference.

    Raises:
        InputError: if its card names no domains, or other images.
    """
    if "domains" not in components.card:
        raise InputError(
            f"{checkpoint} has no card that names its domains: what it makes could not be labelled; "
            "fine-tune from it with a train section"
        )
    made_for = components.card.get("image")
    if made_for is not None and made_for != image.model_dump(mode="json"):
        raise InputError(
            f"{checkpoint} was trained for images {made_for}, the recipe asks for "
            f"{image.model_dump(mode='json')}: the pairs would be noise; set image to the "
            "checkpoint's, or train with --from"
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # With the channels of a pixel side by side convolutions are faster, a tenth on a CPU.
    convert_conv2d_weight_memory_format(components.unet, torch.channels_last)
    components.unet.to(device).eval()
    components.autoencoder.to(device).eval()
    return components


def check_domains(prompts: Sequence[Prompt], known: Mapping[str, Domain]) -> None:
    """Whether a model was trained on the domains of all prompts.

    Raises:
        InputError: naming the first that it was not trained on.
    """
    for prompt in prompts:
        if prompt.domain not in known:
            raise InputError(
                f"the checkpoint knows {', '.join(known)}, not {prompt.domain}: it would "
                "paint something else under that name; train on that domain first"
            )


def full_batches(count: int, size: int) -> Iterator[list[int]]:
    """Rows of `count` things, `size` at a time; the last batch is padded with the last row.

    A batch of another size would change bits.
    """
    for start in range(0, count, size):
        yield [min(row, count - 1) for row in range(start, start + size)]


AS_DRAWN = Ends()


def latent_shape(autoencoder: Autoencoder, image: ImageSection) -> tuple[int, int, int]:
    """(C, h, w) of one latent of images of this size."""
    side = image.size // autoencoder.factor
    return autoencoder.channels, side, side


def without_casts(
    prompts: Sequence[Prompt], domains: Mapping[str, Domain], pictures: Tensor
) -> Tensor:
    """Grey modalities made grey: a model of many domains gives them a cast of colour."""
    coloured = [domains[prompt.domain].colour for prompt in prompts]
    kept = torch.tensor(coloured, device=pictures.device).view(-1, 1, 1, 1)
    return torch.where(kept, pictures, pictures.mean(1, keepdim=True).expand_as(pictures))


def to_uint8(pictures: Tensor, channels: int, ends: Ends = AS_DRAWN) -> Images:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, C) uint8; grey is the mean of the three.

    Args:
        pictures: drawn, or real.
        channels: 1 or 3.
        ends: what of drawn pictures becomes black, and white.
    """
    if channels == 1:
        pictures = pictures.mean(1, keepdim=True)
    return (
        ((ends.put(pictures) + 1) * 127.5)
        .round()
        .to(torch.uint8)
        .movedim(1, -1)
        .cpu()
        .contiguous()
        .numpy()
    )
