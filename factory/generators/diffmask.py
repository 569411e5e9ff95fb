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

from factory.attention_maps.affinity_net import AffinityNet, load_affinity
from factory.attention_maps.class_words import map_names, spellings
from factory.attention_maps.refinement import AttentionRecord, Mask, Refinement, Verdict
from factory.attention_maps.settings import RefinementSection, Rung
from factory.attention_maps.token_weights import naming
from factory.diffmask_sections import DiffMaskSpec, ReadSection
from factory.generators.attention_reading import Reading
from factory.generators.base import facet_rows
from factory.generators.common import full_batches
from factory.generators.medisyn import MediSyn
from factory.generators.renoising import SecondLook
from factory.identity import first_named
from factory.images import ImageSection
from factory.models.checkpoints import AFFINITY
from factory.models.clauses import by_clause
from factory.pairs import Images, PairBatch
from factory.prompts.captions import (
    ATTENTION_CLAUSE_RATES,
    ATTENTION_RATES,
)
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain

READING_VERSION = 2


@dataclass(frozen=True, eq=False)
class DiffMask:
    """A Generator: a text-to-image model, and a refinement from its attention to masks.

    Attributes:
        image_model: makes the images.
        masks: how attention becomes masks.
        read: what of the attention.
        net: of the rung `affinity`; None where none was trained.
    """

    image_model: MediSyn
    masks: RefinementSection
    read: ReadSection
    net: AffinityNet | None = None

    @staticmethod
    def load(checkpoint: Path, image: ImageSection, spec: DiffMaskSpec) -> DiffMask:
        """Reads a checkpoint folder, onto the GPU where there is one.

        Raises:
            InputError: if the folder is no checkpoint, makes masks by itself, is for other images,
                or lacks the network that the rung `affinity` needs.
        """
        image_model = MediSyn.load(checkpoint, image, spec.sample)
        if image_model.components.card.get("clauses"):
            parts = image_model.components
            image_model = replace(
                image_model, components=replace(parts, text=by_clause(parts.text))
            )
        wanted = "affinity" in spec.masks.rungs
        net = load_affinity(checkpoint / AFFINITY, spec.masks.affinity) if wanted else None
        return DiffMask(image_model, spec.masks, spec.read, net)

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The domains the model was trained on, by name."""
        return self.image_model.domains

    @cached_property
    def digest(self) -> str:
        """Digest of the image_model (with the affinity network's weights), the refinement and the reading."""
        content = {
            "generator": "diffmask",
            "version": READING_VERSION,
            "image_model": self.image_model.digest,
            "masks": first_named(self.masks.model_dump(mode="json")),
            "read": first_named(self.read.model_dump(mode="json")),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def refinements(self) -> Mapping[str, Refinement]:
        """The mask maker of each domain, by name."""
        return {
            name: Refinement(self.masks, domain.label_map, self.net)
            for name, domain in self.domains.items()
        }

    def captions(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[str]:
        """What the model is told; every class asked for is named.

        Raises:
            InputError: if the model was not trained on a prompt's domain, or never met a word.
        """
        clauses = self.image_model.components.card.get("clauses")
        told = self.image_model.captions(
            prompts, seeds, ATTENTION_CLAUSE_RATES if clauses else ATTENTION_RATES
        )
        return [
            naming(line, [spellings(n) for n in map_names(prompt.classes, self.masks.structures)])
            if prompt.retrieved
            else line
            for prompt, line in zip(prompts, told, strict=True)
        ]

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """An image of each prompt, and a mask of what the network looked at while it made it.

        A mask that the refinement has reasons against is left absent: `has_mask` is false, the mask
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
        seen: Sequence[tuple[Images, AttentionRecord | None]],
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
    ) -> Iterator[tuple[Images, AttentionRecord | None]]:
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
            self.refinements[prompt.domain].climb(sight) if sight else {}
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
    ) -> Iterator[AttentionRecord | None]:
        """What the network looks at in given images; the last batch is filled up."""
        for at in full_batches(len(prompts), self.image_model.section.batch):
            part, lines, shown = [prompts[i] for i in at], [told[i] for i in at], images[at]
            look = self._look(shown, [seeds[i] for i in at])
            reading = self.reading(part, lines, control)
            with reading.tap() as tap:
                look.predicted(lines, timesteps)
            yield from reading.sights(shown, tap, look)

    def reading(
        self, prompts: Sequence[Prompt], told: Sequence[str], control: str | None = None
    ) -> Reading:
        """What is to be read while the network looks at a full batch, told these captions."""
        return Reading(self.image_model, self.masks, self.read, prompts, told, control)

    def _drawn(
        self, prompts: Sequence[Prompt], told: Sequence[str], seeds: Sequence[int]
    ) -> Iterator[tuple[Images, AttentionRecord | None]]:
        for at in full_batches(len(prompts), self.image_model.section.batch):
            part, lines = [prompts[i] for i in at], [told[i] for i in at]
            reading, own = self.reading(part, lines), [seeds[i] for i in at]
            with reading.tap() as tap:
                images = self.image_model.draw(part, lines, own)
            yield from zip(
                images, reading.sights(images, tap, self._look(images, own)), strict=True
            )

    def _look(self, images: Images, seeds: Sequence[int]) -> SecondLook:
        return SecondLook(self.image_model.components, images, seeds)

    def _verdict(self, prompt: Prompt, image: Images, sight: AttentionRecord | None) -> Verdict:
        if sight is None:
            return Verdict(np.zeros(image.shape[:2], np.uint8), None)
        return self.refinements[prompt.domain](sight)
