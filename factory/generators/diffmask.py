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
from factory.attention_maps.refinement import AttentionRecord, Mask, MaskVerdict, Refinement
from factory.attention_maps.settings import ReadSection, RefinementSection, Step
from factory.attention_maps.token_weights import naming
from factory.generators.attention_reading import AttentionReading
from factory.generators.base import facet_rows
from factory.generators.common import full_batches
from factory.generators.medisyn import MediSyn
from factory.generators.renoising import RenoisedImages
from factory.identity import first_named
from factory.images import ImageSection
from factory.models.checkpoints import AFFINITY
from factory.models.text import by_clause
from factory.pairs import Images, PairBatch
from factory.prompts.captions.caption import (
    ATTENTION_CLAUSE_RATES,
    ATTENTION_RATES,
)
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.vocabulary import Domain

READING_VERSION = 2


@dataclass(frozen=True, eq=False)
class DiffMask:
    """A Generator: a text-to-image model, and a refinement from its attention to masks.

    Attributes:
        image_model: makes the images.
        masks: how attention becomes masks.
        read: what of the attention.
        net: of the step `affinity`; None where none was trained.
    """

    image_model: MediSyn
    masks: RefinementSection
    read: ReadSection
    net: AffinityNet | None = None

    @staticmethod
    def load(
        checkpoint: Path,
        image: ImageSection,
        sample: SampleSection,
        masks: RefinementSection,
        read: ReadSection,
    ) -> DiffMask:
        """Reads a checkpoint folder, onto the GPU where there is one.

        Raises:
            InputError: if the folder is no checkpoint, makes masks by itself, is for other images,
                or lacks the network that the step `affinity` needs.
        """
        image_model = MediSyn.load(checkpoint, image, sample)
        if image_model.components.card.get("clauses"):
            parts = replace(image_model.components, text=by_clause(image_model.components.text))
            image_model = MediSyn(parts, image_model.weights, image, sample)
        wanted = "affinity" in masks.steps
        net = load_affinity(checkpoint / AFFINITY, masks.affinity) if wanted else None
        return DiffMask(image_model, masks, read, net)

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The domains the model was trained on, by name."""
        return self.image_model.domains

    @cached_property
    def digest(self) -> str:
        """Digest of the image model, with the affinity network, of the refinement and the reading."""
        sections = {
            "masks": self.masks.model_dump(mode="json"),
            "read": self.read.model_dump(mode="json"),
        }
        content = {
            "generator": "diffmask",
            "version": READING_VERSION,
            "image_model": self.image_model.digest,
            **first_named(sections),
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
        """The caption of each prompt; every class asked for is named.

        Raises:
            InputError: if the model was not trained on a prompt's domain, or never met a word.
        """
        clauses = self.image_model.components.card.get("clauses")
        captions = self.image_model.captions(
            prompts, seeds, ATTENTION_CLAUSE_RATES if clauses else ATTENTION_RATES
        )
        return [
            naming(line, [spellings(n) for n in map_names(prompt.classes, self.masks.structures)])
            if prompt.retrieved
            else line
            for prompt, line in zip(prompts, captions, strict=True)
        ]

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """An image of each prompt, and a mask of what the network attended to while it made it.

        A mask that the refinement has reasons against is left absent: `has_mask` is false, the mask
        empty, and the facets `doubts` (kinds of reasons, joined by ";") and `doubt` (in words) say
        why. Of a prompt that asks for no class the empty mask is the true one.

        Raises:
            InputError: if the model was not trained on a prompt's domain or never met a word, or if
                a class word is not in the caption, or beyond what the text encoder reads.
            ValueError: if there is no prompt, or not one seed for each.
        """
        facet_rows(prompts, seeds)
        return self._pairs(prompts, seeds, list(self.records(prompts, seeds)))

    @torch.no_grad()
    def segment(self, prompts: Sequence[Prompt], seeds: Sequence[int], images: Images) -> PairBatch:
        """Masks of given images (N, H, W, C), read as `generate` does after noising them anew.

        Raises:
            InputError: as `generate` does.
            ValueError: if there is no prompt, or not one seed and image for each.
        """
        facet_rows(prompts, seeds)
        captions, levels = self.captions(prompts, seeds), self.read.levels
        records = islice(self._records_of(images, prompts, captions, seeds, levels), len(prompts))
        return self._pairs(prompts, seeds, list(zip(images, records, strict=True)))

    def _pairs(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        drawn: Sequence[tuple[Images, AttentionRecord | None]],
    ) -> PairBatch:
        facets = pd.DataFrame(facet_rows(prompts, seeds)).fillna("")
        images = [image for image, _ in drawn]
        verdicts = [self._verdict(p, *each) for p, each in zip(prompts, drawn, strict=True)]
        accepted = np.array([verdict.reason is None for verdict in verdicts])
        masks = np.stack([verdict.mask for verdict in verdicts]) * accepted[:, None, None]
        facets = facets.assign(
            doubts=[";".join(verdict.doubts) for verdict in verdicts],
            doubt=[verdict.reason or "" for verdict in verdicts],
        )
        pairs = PairBatch.of(np.stack(images), masks.astype(np.uint8), facets)
        return replace(pairs, has_mask=accepted)

    def records(
        self, prompts: Sequence[Prompt], seeds: Sequence[int]
    ) -> Iterator[tuple[Images, AttentionRecord | None]]:
        """Each prompt's image (H, W, C), and what the network attended to while it made it.

        None where the prompt asks for no class. Raises as `generate` does.
        """
        captions = self.captions(prompts, seeds)
        return islice(self._drawn(prompts, captions, seeds), len(prompts))

    @torch.no_grad()
    def attention_of(
        self,
        images: Images,
        prompts: Sequence[Prompt],
        timesteps: Sequence[int],
        control: str | None = None,
    ) -> list[dict[Step, Mask]]:
        """Masks of given images, by noising them anew and reading what the network attends to.

        It measures masks where the truth is known: a drawn image has none.

        Args:
            images: (N, H, W, C) of the size and channels that the model makes.
            prompts: what each shows; their seeds draw the noise.
            timesteps: noise levels whose maps are averaged, in [0, 1000).
            control: a word for nothing in the images, which stands and is read in place of every
                class's: what attention finds without knowing what to look for.

        Returns:
            For each image the mask (H, W) after each step but the gate; {} without classes.

        Raises:
            InputError: as `generate` does.
        """
        seeds = [prompt.seed for prompt in prompts]
        captions = self.captions(prompts, seeds)
        if control is not None:
            captions = [f"{prompt.title} with {control}" for prompt in prompts]
        records = self._records_of(images, prompts, captions, seeds, timesteps, control)
        return [
            self.refinements[prompt.domain].refine(record) if record else {}
            for prompt, record in zip(prompts, islice(records, len(prompts)), strict=True)
        ]

    def _records_of(
        self,
        images: Images,
        prompts: Sequence[Prompt],
        captions: Sequence[str],
        seeds: Sequence[int],
        timesteps: Sequence[int],
        control: str | None = None,
    ) -> Iterator[AttentionRecord | None]:
        """What the network attends to in given images; the last batch is filled up."""
        for at in full_batches(len(prompts), self.image_model.section.batch):
            part, lines, given = [prompts[i] for i in at], [captions[i] for i in at], images[at]
            renoised = self._renoised(given, [seeds[i] for i in at])
            reading = self.reading(part, lines, control)
            with reading.recorder() as recorder:
                renoised.predictions(lines, timesteps)
            yield from reading.records(given, recorder, renoised)

    def reading(
        self, prompts: Sequence[Prompt], captions: Sequence[str], control: str | None = None
    ) -> AttentionReading:
        """What is to be read while the network denoises a full batch of these captions."""
        return AttentionReading(self.image_model, self.masks, self.read, prompts, captions, control)

    def _drawn(
        self, prompts: Sequence[Prompt], captions: Sequence[str], seeds: Sequence[int]
    ) -> Iterator[tuple[Images, AttentionRecord | None]]:
        for at in full_batches(len(prompts), self.image_model.section.batch):
            part, lines = [prompts[i] for i in at], [captions[i] for i in at]
            reading, own = self.reading(part, lines), [seeds[i] for i in at]
            with reading.recorder() as recorder:
                images = self.image_model.draw(part, lines, own)
            yield from zip(
                images, reading.records(images, recorder, self._renoised(images, own)), strict=True
            )

    def _renoised(self, images: Images, seeds: Sequence[int]) -> RenoisedImages:
        return RenoisedImages(self.image_model.components, images, seeds)

    def _verdict(
        self, prompt: Prompt, image: Images, record: AttentionRecord | None
    ) -> MaskVerdict:
        if record is None:
            return MaskVerdict(np.zeros(image.shape[:2], np.uint8), None)
        return self.refinements[prompt.domain](record)
