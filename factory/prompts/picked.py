"""Prompts that somebody picked one by one: what a grid is to a run, without the product of facets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from factory.identity import digest
from factory.prompts.prompt import Prompt


@dataclass(frozen=True)
class PickedPrompts(Sequence[Prompt]):
    """Some prompts in the order in which they were picked.

    Attributes:
        prompts: each once.
        note: whatever else makes this choice another one, as JSON.
    """

    prompts: tuple[Prompt, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    @overload
    def __getitem__(self, index: int) -> Prompt: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Prompt, ...]: ...
    def __getitem__(self, index: int | slice) -> Prompt | tuple[Prompt, ...]:
        return self.prompts[index]

    @cached_property
    def digest(self) -> str:
        """SHA-256, 64 hex digits, over prompts, their order and the note."""
        return digest({"prompts": [each.digest for each in self.prompts], "note": self.note})
