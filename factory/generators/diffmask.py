"""Pairs whose masks are read from the image network's attention (DiffMask, arXiv 2503.07209)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from factory.attention_maps.affinity_net import AffinityNet, load_affinity
from factory.attention_maps.asked import map_names, spellings
from factory.attention_maps.contrast import contrasts, said_and_unsaid
from factory.attention_maps.ladder import Ladder, Mask, Sight, Verdict
from factory.attention_maps.sections import LadderSection, Rung
from factory.attention_maps.tap import AttentionTap, Means, fuse
from factory.attention_maps.words import naming, token_weights
from factory.captions import (
    NAMED,
    NAMED_APART,
)
from factory.diffmask_sections import DiffMaskSpec, ReadSection
from factory.generators.base import facet_rows
from factory.generators.drawing import full_batches
from factory.generators.medisyn import MediSyn
from factory.generators.second_look import SecondLook
from factory.images import ImageSection
from factory.models.checkpoints import AFFINITY
from factory.models.clauses import by_clause
from factory.pairs import Images, PairBatch
from factory.prompts import Prompt
from factory.vocabulary import Domain

READING_VERSION = 2


@dataclass(frozen=True, eq=False)
class DiffMask:
    """A Generator: a text-to-image model, and a ladder from its attention to masks.

    Attributes:
        painter: makes the images.
        masks: how attention becomes masks.
        read: what of the attention.
        net: of the rung `affinity`; None where none was trained.
    """

    painter: MediSyn
    masks: LadderSection
    read: ReadSection
    net: AffinityNet | None = None

    @staticmethod
    def load(checkpoint: Path, image: ImageSection, spec: DiffMaskSpec) -> DiffMask:
        """Reads a checkpoint folder, onto the GPU where there is one.

        Raises:
            InputError: if the folder is no checkpoint, makes masks by itself, is for other images,
                or lacks the network that the rung `affinity` needs.
        """
        painter = MediSyn.load(checkpoint, image, spec.sample)
        if painter.components.card.get("clauses"):
            parts = painter.components
            painter = replace(painter, components=replace(parts, text=by_clause(parts.text)))
        wanted = "affinity" in spec.masks.rungs
        net = load_affinity(checkpoint / AFFINITY, spec.masks.affinity) if wanted else None
        return DiffMask(painter, spec.masks, spec.read, net)

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The domains the model was trained on, by name."""
        return self.painter.domains

    @cached_property
    def digest(self) -> str:
        """Digest of the painter (with the affinity network's weights), the ladder and the reading."""
        content = {
            "generator": "diffmask",
            "version": READING_VERSION,
            "painter": self.painter.digest,
            "masks": self.masks.model_dump(mode="json"),
            "read": self.read.model_dump(mode="json"),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def ladders(self) -> Mapping[str, Ladder]:
        """The mask maker of each domain, by name."""
        return {
            name: Ladder(self.masks, domain.label_map, self.net)
            for name, domain in self.domains.items()
        }

    def captions(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[str]:
        """What the model is told; every class asked for is named.

        Raises:
            InputError: if the model was not trained on a prompt's domain, or never met a word.
        """
        clauses = self.painter.components.card.get("clauses")
        told = self.painter.captions(prompts, seeds, NAMED_APART if clauses else NAMED)
        return [
            naming(line, [spellings(name) for name in self.names(prompt)])
            if prompt.retrieved
            else line
            for prompt, line in zip(prompts, told, strict=True)
        ]

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """An image of each prompt, and a mask of what the network looked at while it made it.

        A mask that the ladder has reasons against is left absent: `has_mask` is false, the mask
        empty, and the facets `doubts` (kinds of reasons, joined by ";") and `doubt` (in words) say
        why. Of a prompt that asks for no class the empty mask is the true one.

        Raises:
            InputError: if the model was not trained on a prompt's domain or never met a word, or if
                a class word is not in the caption, or beyond what the text encoder reads.
            ValueError: if there is no prompt, or not one seed for each.
        """
        facet_rows(prompts, seeds)
        return self._judged(prompts, seeds, list(self.sights(prompts, seeds)))

    @torch.no_grad()
    def segment(self, prompts: Sequence[Prompt], seeds: Sequence[int], images: Images) -> PairBatch:
        """Masks of given images (N, H, W, C), read as `generate` does after noising them anew.

        Raises:
            InputError: as `generate` does.
            ValueError: if there is no prompt, or not one seed and image for each.
        """
        facet_rows(prompts, seeds)
        told, levels = self.captions(prompts, seeds), self.read.levels
        seen = islice(self._looked_at(images, prompts, told, seeds, levels), len(prompts))
        return self._judged(prompts, seeds, list(zip(images, seen, strict=True)))

    def _judged(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        seen: Sequence[tuple[Images, Sight | None]],
    ) -> PairBatch:
        facets = pd.DataFrame(facet_rows(prompts, seeds)).fillna("")
        images = [image for image, _ in seen]
        verdicts = [self._verdict(p, *each) for p, each in zip(prompts, seen, strict=True)]
        believed = np.array([verdict.reason is None for verdict in verdicts])
        masks = np.stack([verdict.mask for verdict in verdicts]) * believed[:, None, None]
        told = facets.assign(
            doubts=[";".join(verdict.doubts) for verdict in verdicts],
            doubt=[verdict.reason or "" for verdict in verdicts],
        )
        pairs = PairBatch.of(np.stack(images), masks.astype(np.uint8), told)
        return replace(pairs, has_mask=believed)

    def sights(
        self, prompts: Sequence[Prompt], seeds: Sequence[int]
    ) -> Iterator[tuple[Images, Sight | None]]:
        """Each prompt's image (H, W, C), and what the network looked at while it made it.

        None where the prompt asks for no class. Raises as `generate` does.
        """
        told = self.captions(prompts, seeds)
        return islice(self._drawn(prompts, told, seeds), len(prompts))

    @torch.no_grad()
    def attention_of(
        self,
        images: Images,
        prompts: Sequence[Prompt],
        timesteps: Sequence[int],
        control: str | None = None,
    ) -> list[dict[Rung, Mask]]:
        """Masks of given images, by noising them anew and reading what the network looks at.

        It measures masks where the truth is known: a drawn image has none.

        Args:
            images: (N, H, W, C) of the size and channels that the model makes.
            prompts: what each shows; their seeds draw the noise.
            timesteps: noise levels whose maps are averaged, in [0, 1000).
            control: a word for nothing in the images, told and read in place of every class's:
                what attention finds without knowing what to look for.

        Returns:
            For each image the mask (H, W) after each rung but the gate; {} without classes.

        Raises:
            InputError: as `generate` does.
        """
        seeds = [prompt.seed for prompt in prompts]
        told = self.captions(prompts, seeds)
        if control is not None:
            told = [f"{prompt.title} with {control}" for prompt in prompts]
        seen = self._looked_at(images, prompts, told, seeds, timesteps, control)
        return [
            self.ladders[prompt.domain].climb(sight) if sight else {}
            for prompt, sight in zip(prompts, islice(seen, len(prompts)), strict=True)
        ]

    def _looked_at(
        self,
        images: Images,
        prompts: Sequence[Prompt],
        told: Sequence[str],
        seeds: Sequence[int],
        timesteps: Sequence[int],
        control: str | None = None,
    ) -> Iterator[Sight | None]:
        """What the network looks at in given images; the last batch is filled up."""
        for at in full_batches(len(prompts), self.painter.section.batch):
            part, lines, shown = [prompts[i] for i in at], [told[i] for i in at], images[at]
            look = self._look(shown, [seeds[i] for i in at])
            with self.tap(part, lines, control) as tap:
                look.predicted(lines, timesteps)
            yield from self._seen(part, lines, shown, tap, look, control)

    def tap(
        self,
        prompts: Sequence[Prompt],
        told: Sequence[str],
        control: str | None = None,
        *,
        every: int | None = None,
        places: bool = False,
    ) -> AttentionTap:
        """What reads the attention of a full batch; the rows that follow the prompts come first."""
        unet, rows = self.painter.components.unet.unet, slice(0, len(prompts))
        weights = self._weights(prompts, told, control)
        often = self.read.every if every is None else every
        return AttentionTap(unet, weights, rows, every=often, self_attention=places)

    def names(self, prompt: Prompt) -> tuple[str, ...]:
        """The names of a prompt's maps."""
        return map_names(prompt.classes, self.masks.structures)

    def _weights(
        self, prompts: Sequence[Prompt], told: Sequence[str], control: str | None
    ) -> Tensor:
        """(B, K, L), K the most classes of any domain: neighbours must not change a shape."""
        text, most = (
            self.painter.components.text,
            max(len(d.classes) for d in self.domains.values()),
        )
        rows = []
        for prompt, line in zip(prompts, told, strict=True):
            groups: list[Sequence[str]] = [
                (control,) if control else spellings(name) for name in self.names(prompt)
            ]
            groups += [()] * (most - len(groups))
            rows.append(token_weights(text.tokenizer, line, groups, text.length))
        return torch.stack(rows)

    def _drawn(
        self, prompts: Sequence[Prompt], told: Sequence[str], seeds: Sequence[int]
    ) -> Iterator[tuple[Images, Sight | None]]:
        for at in full_batches(len(prompts), self.painter.section.batch):
            part, lines = [prompts[i] for i in at], [told[i] for i in at]
            with self.tap(part, lines) as tap:
                images = self.painter.draw(part, lines, [seeds[i] for i in at])
            look = self._look(images, [seeds[i] for i in at])
            yield from zip(images, self._seen(part, lines, images, tap, look), strict=True)

    def _look(self, images: Images, seeds: Sequence[int]) -> SecondLook:
        return SecondLook.at(images, seeds, self.painter.components, self.painter.image)

    def _seen(
        self,
        prompts: Sequence[Prompt],
        told: Sequence[str],
        images: Images,
        tap: AttentionTap,
        look: SecondLook,
        control: str | None = None,
    ) -> Iterator[Sight | None]:
        """What the tap has read of a full batch, and what the rungs ask to be looked at again."""
        size = (images.shape[1], images.shape[2])
        maps = fuse(tap.cross_maps(), size, self.read.coarsest).numpy()
        places, changes = self._places(prompts, told, look, control), None
        if "contrast" in self.masks.rungs and any(self.names(prompt) for prompt in prompts):
            changes = self._contrasts(prompts, look, control).numpy()
        for row, prompt in enumerate(prompts):
            names = self.names(prompt)
            own = {cells: values[row].numpy() for cells, values in places.items()}
            lost = None if changes is None else changes[row, : len(names)]
            yield Sight(images[row], maps[row, : len(names)], names, own, lost) if names else None

    def _places(
        self,
        prompts: Sequence[Prompt],
        told: Sequence[str],
        look: SecondLook,
        control: str | None,
    ) -> Means:
        """What each place attends to, (h, w) -> (B, hw, hw), if a rung wants to know."""
        if "selfattention" not in self.masks.rungs:
            return {}
        with self.tap(prompts, told, control, every=1, places=True) as tap:
            look.predicted(told, self.read.place_levels)
        return tap.self_maps()

    def _contrasts(
        self, prompts: Sequence[Prompt], look: SecondLook, control: str | None
    ) -> Tensor:
        """(B, K, h, w): what changes where each class is denied; 0 beyond a prompt's classes."""
        captions = []
        for prompt in prompts:
            names = self.names(prompt)
            words = [control or spellings(name)[0] for name in names]
            captions.append(said_and_unsaid(prompt.title, words))
        levels, most = self.read.contrast_levels, max(len(unsaid) for _, unsaid in captions)
        said = look.predicted([line for line, _ in captions], levels)
        denied = ([(*unsaid, *[line] * most)[k] for line, unsaid in captions] for k in range(most))
        return contrasts(said, (look.predicted(lines, levels) for lines in denied)).cpu()

    def _verdict(self, prompt: Prompt, image: Images, sight: Sight | None) -> Verdict:
        if sight is None:
            return Verdict(np.zeros(image.shape[:2], np.uint8), None)
        return self.ladders[prompt.domain](sight)
