"""What is read of a network while it looks at a batch: attention, places, and what words change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from factory.attention_maps.class_words import map_names, spellings
from factory.attention_maps.prompt_contrast import contrasts, said_and_unsaid
from factory.attention_maps.recorder import AttentionTap, Means, fuse
from factory.attention_maps.refinement import AttentionRecord
from factory.attention_maps.settings import RefinementSection
from factory.attention_maps.token_weights import token_weights
from factory.diffmask_sections import ReadSection
from factory.generators.medisyn import MediSyn
from factory.generators.renoising import SecondLook
from factory.pairs import Images
from factory.prompts.prompt import Prompt


@dataclass(frozen=True, eq=False)
class Reading:
    """One full batch, and what the rungs of a refinement need to know of it.

    Attributes:
        image_model: whose network is read.
        masks: the rungs, and the words that halves share.
        read: what of the attention, at which noise levels.
        prompts: B of them.
        told: their captions.
        control: a word that is told and read in place of every class's; None: their own.
    """

    image_model: MediSyn
    masks: RefinementSection
    read: ReadSection
    prompts: Sequence[Prompt]
    told: Sequence[str]
    control: str | None = None

    @cached_property
    def names(self) -> list[tuple[str, ...]]:
        """The names of each prompt's maps."""
        return [map_names(prompt.classes, self.masks.structures) for prompt in self.prompts]

    def tap(self, *, places: bool = False) -> AttentionTap:
        """What reads the attention; the rows of the batch that follow the prompts come first.

        Args:
            places: read what each place attends to as well, in every pass.
        """
        unet, rows = self.image_model.components.unet.unet, slice(0, len(self.prompts))
        every = 1 if places else self.read.every
        return AttentionTap(unet, self._weights(), rows, every=every, self_attention=places)

    def sights(
        self, images: Images, tap: AttentionTap, look: SecondLook
    ) -> Iterator[AttentionRecord | None]:
        """What was seen in each image; None where the prompt asks for no class.

        Args:
            images: (B, H, W, C).
            tap: that has read the attention to them.
            look: at them, for what rungs want to know besides.
        """
        size = (images.shape[1], images.shape[2])
        maps = fuse(tap.cross_maps(), size, self.read.coarsest).numpy()
        places, changes = self._places(look), self._changes(look)
        for row, names in enumerate(self.names):
            own = {cells: values[row].numpy() for cells, values in places.items()}
            lost = None if changes is None else changes[row, : len(names)].numpy()
            yield (
                AttentionRecord(images[row], maps[row, : len(names)], names, own, lost)
                if names
                else None
            )

    def _weights(self) -> Tensor:
        """(B, K, L), K the most classes of any domain: neighbours must not change a shape."""
        text = self.image_model.components.text
        most = max(len(domain.classes) for domain in self.image_model.domains.values())
        rows = []
        for names, line in zip(self.names, self.told, strict=True):
            spoken: list[Sequence[str]] = [self._words(name) for name in names]
            spoken += [()] * (most - len(spoken))
            rows.append(token_weights(text.tokenizer, line, spoken, text.length))
        return torch.stack(rows)

    def _words(self, name: str) -> Sequence[str]:
        return (self.control,) if self.control else spellings(name)

    def _places(self, look: SecondLook) -> Means:
        """What each place attends to, (h, w) -> (B, hw, hw), if a rung wants to know."""
        if "selfattention" not in self.masks.rungs:
            return {}
        with self.tap(places=True) as tap:
            look.predicted(self.told, self.read.place_levels)
        return tap.self_maps()

    def _changes(self, look: SecondLook) -> Tensor | None:
        """(B, K, h, w): what changes where each class is denied, if a rung wants to know.

        0 beyond a prompt's classes.
        """
        most, levels = max(map(len, self.names)), self.read.contrast_levels
        if "contrast" not in self.masks.rungs or most == 0:
            return None
        captions = [
            self.told_and_denied(prompt.title, names)
            for prompt, names in zip(self.prompts, self.names, strict=True)
        ]
        said = look.predicted([line for line, _ in captions], levels)
        denied = ([(*unsaid, *[line] * most)[k] for line, unsaid in captions] for k in range(most))
        return contrasts(said, (look.predicted(lines, levels) for lines in denied)).cpu()

    def told_and_denied(self, title: str, names: Sequence[str]) -> tuple[str, list[str]]:
        """A plain caption of what stands by each name, and for each name the same that denies it.

        Halves that share a map are denied together and by their own names: captions deny no pair.
        """
        if self.control:  # one word, of which every class's map is made
            line, denials = said_and_unsaid(title, [[self.control]])
            return line, denials * len(names)
        structures = self.masks.structures
        halves = [structures[n].sides if n in structures else None for n in names]
        parts = [pair or (name,) for name, pair in zip(names, halves, strict=True)]
        return said_and_unsaid(title, [[spellings(part)[0] for part in each] for each in parts])
