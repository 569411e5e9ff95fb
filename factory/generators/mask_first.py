"""Pairs whose mask is given: a warped real mask first, then the image that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from factory.generators.base import Generator
from factory.pairs import Masks, PairBatch
from factory.prompts.masks.library import MaskLibrary
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain


@runtime_checkable
class Painter(Generator, Protocol):
    """A generator that can also make images for masks."""

    def paint(self, prompts: Sequence[Prompt], seeds: Sequence[int], masks: Masks) -> PairBatch:
        """Images (N, H, W, C) for given masks (N, H, W), one for each prompt and seed."""


class MaskFirst:
    """A Generator: the masks that prompts name, warped, with the images that a painter makes.

    Its digest is the painter's: what decides the masks stands in the prompts.

    Args:
        painter: makes the images.
        masks: of the training split; at least those that prompts name.
    """

    def __init__(self, painter: Painter, masks: MaskLibrary) -> None:
        self.painter = painter
        self.masks = masks

    @property
    def domains(self) -> Mapping[str, Domain]:
        return self.painter.domains

    @property
    def digest(self) -> str:
        return self.painter.digest

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """One pair for each prompt and seed; the mask is the warped one to the pixel.

        Raises:
            InputError: as the painter.
            ValueError: if a prompt names no mask of the library.
        """
        masks, spacing = self.masks.warped(prompts, seeds), self.masks.spacing_mm(prompts)
        # A mask that passed an autoencoder has come back changed; the image was made for this one.
        painted = self.painter.paint(prompts, seeds, masks)
        return replace(painted, masks=masks, spacing_mm=spacing)


def build_mask_first(build: Callable[[], Generator], masks: MaskLibrary) -> MaskFirst:
    """Wraps what `build` makes; on a worker.

    Raises:
        TypeError: if that cannot make images for masks.
    """
    painter = build()
    if not isinstance(painter, Painter):
        raise TypeError(f"{type(painter).__name__} has no paint: it makes no images for masks")
    return MaskFirst(painter, masks)
