"""Prompts of whole volumes: every volume that a grid asks for, slice after slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

from factory.identity import digest
from factory.prompts.grid import PromptGrid
from factory.prompts.masks.library import MaskLibrary, TrainingMask
from factory.prompts.place import Place
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain


@dataclass(frozen=True, eq=False)
class VolumeGrid(Sequence[Prompt]):
    """The slices of volumes; each follows from its volume and its number there alone.

    Attributes:
        volumes: one prompt each; each has the mask volume of a training patient.
        coherence: slices over which starting noise becomes another.
    """

    volumes: PromptGrid
    coherence: float

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Those that are asked for, by name."""
        return self.volumes.domains

    @property
    def mask_library(self) -> MaskLibrary:
        """The mask volumes that its prompts have, and no other: what workers are sent."""
        return self.volumes.mask_library

    @cached_property
    def prompts(self) -> tuple[Prompt, ...]:
        """Every slice of the first volume from the lowest up, then those of the next."""
        library = self.mask_library
        return tuple(
            prompt
            for volume in self.volumes
            for prompt in slices_of(volume, library.mask_of(volume), self.coherence)
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the volumes and how coherent they are."""
        return digest({"volumes": self.volumes.digest, "coherence": self.coherence})

    def runs(self) -> Iterator[tuple[Prompt, range]]:
        """As of a grid: each slice alone."""
        return ((each, range(each.replicate, each.replicate + 1)) for each in self.prompts)

    def __len__(self) -> int:
        return len(self.prompts)

    @overload
    def __getitem__(self, index: int) -> Prompt: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prompt]: ...
    def __getitem__(self, index: int | slice) -> Prompt | list[Prompt]:
        found = self.prompts[index]
        return found if isinstance(found, Prompt) else list(found)


def slices_of(volume: Prompt, mask: TrainingMask, coherence: float) -> Iterator[Prompt]:
    """A prompt for each slice of a volume, which asks for the classes that the mask shows there."""
    name, count = f"{volume.seed:016x}", len(mask.shown)
    for number, classes in enumerate(mask.shown):
        place = Place(name, number, count, mask.spacing_mm[0], mask.orientation, coherence)
        extra = tuple(sorted([*volume.extra, *place.facets]))
        yield replace(volume, classes=classes, extra=extra)


AnyGrid = PromptGrid | VolumeGrid
