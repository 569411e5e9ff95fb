"""What is read of a network while it denoises a batch: attention, places, and what words change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from factory.attention_maps.class_words import map_names, spellings
from factory.attention_maps.prompt_contrast import contrasts, named_and_denied
from factory.attention_maps.recorder import AttentionRecorder, Means, fuse
from factory.attention_maps.refinement import AttentionRecord
from factory.attention_maps.settings import ReadSection, RefinementSection
from factory.attention_maps.token_weights import token_weights
from factory.generators.medisyn import MediSyn
from factory.generators.renoising import RenoisedImages
from factory.pairs import Images
from factory.prompts.prompt import Prompt


@dataclass(frozen=True, eq=False)
class AttentionReading:
    """One full batch, and what the steps of a refinement need to know of it.

    Attributes:
        image_model: whose network is read.
        masks: the steps, and the words that halves share.
        read: what of the attention, at which noise levels.
        prompts: B of them.
        captions: one of each.
        control: a word that stands and is read in place of every class's; None: their own.
    """

    image_model: MediSyn
    masks: RefinementSection
    read: ReadSection
    prompts: Sequence[Prompt]
    captions: Sequence[str]
    control: str | None = None

    @cached_property
    def names(self) -> list[tuple[str, ...]]:
        """The names of each prompt's maps."""
        return [map_names(prompt.classes, self.masks.structures) for prompt in self.prompts]

    def recorder(self, *, places: bool = False) -> AttentionRecorder:
        """What reads the attention; the rows of the batch that follow the prompts come first.

        Args:
            places: read what each place attends to as well, in every pass.
        """
        unet, rows = self.image_model.components.unet.unet, slice(0, len(self.prompts))
        every = 1 if places else self.read.every
        return AttentionRecorder(unet, self._weights(), rows, every=every, self_attention=places)

    def records(
        self, images: Images, recorder: AttentionRecorder, renoised: RenoisedImages
    ) -> Iterator[AttentionRecord | None]:
        """What was attended to in each image; None where the prompt asks for no class.

        Args:
            images: (B, H, W, C).
            recorder: that has read the attention to them.
            renoised: the same, for what steps want to know besides.
        """
        size = (images.shape[1], images.shape[2])
        maps = fuse(recorder.cross_maps(), size, self.read.coarsest).numpy()
        places, changes = self._places(renoised), self._changes(renoised)
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
        for names, line in zip(self.names, self.captions, strict=True):
            groups: list[Sequence[str]] = [self._words(name) for name in names]
            groups += [()] * (most - len(groups))
            rows.append(token_weights(text.tokenizer, line, groups, text.length))
        return torch.stack(rows)

    def _words(self, name: str) -> Sequence[str]:
        return (self.control,) if self.control else spellings(name)

    def _places(self, images: RenoisedImages) -> Means:
        """What each place attends to, (h, w) -> (B, hw, hw), if a step wants to know."""
        if "selfattention" not in self.masks.steps:
            return {}
        with self.recorder(places=True) as recorder:
            images.predictions(self.captions, self.read.place_levels)
        return recorder.self_maps()

    def _changes(self, images: RenoisedImages) -> Tensor | None:
        """(B, K, h, w): what changes where each class is denied, if a step wants to know.

        0 beyond a prompt's classes.
        """
        most, levels = max(map(len, self.names)), self.read.contrast_levels
        if "contrast" not in self.masks.steps or most == 0:
            return None
        captions = [
            self.with_and_without(prompt.title, names)
            for prompt, names in zip(self.prompts, self.names, strict=True)
        ]
        named = images.predictions([line for line, _ in captions], levels)
        denied = (
            [(*denials, *[line] * most)[k] for line, denials in captions] for k in range(most)
        )
        return contrasts(named, (images.predictions(lines, levels) for lines in denied)).cpu()

    def with_and_without(self, title: str, names: Sequence[str]) -> tuple[str, list[str]]:
        """A plain caption of what stands by each name, and for each name the same that denies it.

        Halves that share a map are denied together and by their own names: captions deny no pair.
        """
        if self.control:  # one word, of which every class's map is made
            line, denials = named_and_denied(title, [[self.control]])
            return line, denials * len(names)
        structures = self.masks.structures
        halves = [structures[n].sides if n in structures else None for n in names]
        parts = [pair or (name,) for name, pair in zip(names, halves, strict=True)]
        return named_and_denied(title, [[spellings(part)[0] for part in each] for each in parts])
