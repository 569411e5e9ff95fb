"""Pairs in two steps: one model draws the image, another finds its mask."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from factory.errors import InputError
from factory.generators.medisyn import MediSyn
from factory.pairs import Images, PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain


class MaskMaker(Protocol):
    """Makes masks of images that are given."""

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The domains it knows, by name."""

    @property
    def digest(self) -> str:
        """Hexadecimal digest of all that decides the masks."""

    def segment(self, prompts: Sequence[Prompt], seeds: Sequence[int], images: Images) -> PairBatch:
        """A mask of each image (N, H, W, C), by what its prompt says of it."""


@dataclass(frozen=True, eq=False)
class Masked:
    """A Generator of two models.

    Attributes:
        image_model: draws the images.
        mask_model: makes their masks.
    """

    image_model: MediSyn
    mask_model: MaskMaker

    def __post_init__(self) -> None:
        if not self.domains:
            raise InputError(
                f"the model of the images knows {', '.join(self.image_model.domains)}, that of the "
                f"masks {', '.join(self.mask_model.domains)}: no domain of both; choose another "
                "checkpoint"
            )

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains that both models know, by name; masks follow the mask_model's label map."""
        return {
            n: each for n, each in self.mask_model.domains.items() if n in self.image_model.domains
        }

    @cached_property
    def digest(self) -> str:
        """Digest of both models."""
        content = ("masked", self.image_model.digest, self.mask_model.digest)
        return hashlib.sha256(repr(content).encode()).hexdigest()

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """The image_model's image of each prompt, and the mask_model's mask of it.

        Raises:
            InputError: if either model does not know a prompt's domain, classes or words.
            ValueError: if there is no prompt, or not one seed for each.
        """
        images = self.image_model.generate(prompts, seeds).images
        # What a mask mask_model returns as image has been through its own autoencoder.
        return replace(self.mask_model.segment(prompts, seeds, images), images=images)
