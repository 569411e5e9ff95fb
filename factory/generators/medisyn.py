"""Images without masks from a text-to-image model of many domains (MediSyn, arXiv 2405.09806)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from factory.attention_maps.class_words import spellings
from factory.attention_maps.token_weights import naming
from factory.generators.base import facet_rows
from factory.generators.common import (
    check_domains,
    domains_of,
    full_batches,
    latent_shape,
    ready,
    to_uint8,
    without_casts,
)
from factory.generators.sampling import Conditioning, make_solver, sample, starting_noise
from factory.identity import first_named
from factory.images import ImageSection
from factory.models.checkpoints import (
    Components,
    checkpoint_digest,
    load_text_to_image_components,
)
from factory.models.text_to_image import TextToImageUNet
from factory.pairs import Images, PairBatch
from factory.prompts.caption_facts import (
    CaptionFacts,
    facts_of_prompt,
)
from factory.prompts.captions import (
    SAMPLING_RATES,
    Rates,
    caption,
    check_words,
)
from factory.prompts.prompt import Prompt
from factory.prompts.wording import load_wording
from factory.settings import SampleSection
from factory.vocabulary import Domain

SAMPLING_VERSION = 1


@dataclass(frozen=True, eq=False)
class MediSyn:
    """A Generator of images: every mask is absent, every label and facet is the prompt's.

    Attributes:
        components: the loaded checkpoint.
        weights: digest of its files.
        image: size and channels of the images.
        section: solver, steps, guidance and the fixed batch.
    """

    components: Components[TextToImageUNet]
    weights: str
    image: ImageSection
    section: SampleSection

    @staticmethod
    def load(checkpoint: Path, image: ImageSection, section: SampleSection) -> MediSyn:
        """Reads a checkpoint folder, onto the GPU where there is one.

        Raises:
            InputError: if the folder is no checkpoint, makes masks too, or is for other images.
        """
        components = ready(load_text_to_image_components(checkpoint), checkpoint, image)
        return MediSyn(components, checkpoint_digest(checkpoint), image, section)

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains the model was trained on, by name."""
        return domains_of(self.components)

    @cached_property
    def varying(self) -> Mapping[str, Sequence[str]]:
        """Domain -> classes whose presence differed between training images."""
        told: Mapping[str, Sequence[str]] = self.components.card.get("varying", {})
        return {name: told.get(name, ()) for name in self.domains}

    @cached_property
    def digest(self) -> str:
        """Digest of weights, image section, sampling, wording and version of this code path."""
        content = {
            "generator": "medisyn",
            "version": SAMPLING_VERSION,
            "weights": self.weights,
            "image": self.image.model_dump(mode="json"),
            "sample": first_named(self.section.model_dump(mode="json")),
            "wording": load_wording().digest,
            "varying": {name: list(classes) for name, classes in self.varying.items()},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def captions(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], rates: Rates = SAMPLING_RATES
    ) -> list[str]:
        """What the model is told for each prompt, worded by the seed.

        Free text without a finding is the whole caption, as it stands; with one it follows what
        the facets say. A caption with retrieved text names every class asked for.

        Raises:
            InputError: if the model was not trained on a prompt's domain, or never met a word.
        """
        check_domains(prompts, self.domains)
        self.check_texts(prompts)
        told = [
            caption(self._facts(prompt), np.random.default_rng(int(seed)), rates).text
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        return [
            naming(line, [spellings(name) for name in prompt.classes]) if prompt.retrieved else line
            for prompt, line in zip(prompts, told, strict=True)
        ]

    def check_texts(self, prompts: Sequence[Prompt]) -> None:
        """Whether the model knows all words of the prompts' free texts and extra facets.

        Raises:
            InputError: naming the unknown ones, and the nearest known.
        """
        check_words(free_texts(prompts), self.components.text.known)

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """An image of each prompt, from noise; masks are empty and `has_mask` is false.

        Raises:
            InputError: if the model was not trained on a prompt's domain, or never met a word.
            ValueError: if there is no prompt, or not one seed for each.
        """
        facets = pd.DataFrame(facet_rows(prompts, seeds)).fillna("")
        told, count = self.captions(prompts, seeds), len(prompts)
        drawn = [
            self.draw([prompts[i] for i in at], [told[i] for i in at], [seeds[i] for i in at])
            for at in full_batches(count, self.section.batch)
        ]
        images = np.concatenate(drawn)[:count]
        pairs = PairBatch.of(images, np.zeros(images.shape[:3], np.uint8), facets)
        return replace(pairs, has_mask=np.zeros(count, bool))

    def _facts(self, prompt: Prompt) -> CaptionFacts:
        return facts_of_prompt(prompt, self.domains[prompt.domain], self.varying[prompt.domain])

    def draw(self, prompts: Sequence[Prompt], told: Sequence[str], seeds: Sequence[int]) -> Images:
        """One full batch: images (B, H, W, C) of prompts as they are told, B as in the section."""
        autoencoder, text = self.components.autoencoder, self.components.text
        device = next(autoencoder.parameters()).device
        noise = starting_noise(seeds, latent_shape(autoencoder, self.image), 0).to(device)
        asked, empty = text(told).to(device), text([""] * len(told)).to(device)
        solver = make_solver(self.section.solver, dict(self.components.scheduler_config))
        (latents,) = sample(
            self.components.unet, solver, Conditioning([asked], [empty]), [noise], self.section
        )
        pictures = without_casts(prompts, self.domains, autoencoder.decode(latents))
        return to_uint8(pictures, self.image.channels)


def free_texts(prompts: Sequence[Prompt]) -> list[str]:
    """What users wrote in their own words: free texts, and extra facets with their names."""
    own = [f"{name} {value}" for prompt in prompts for name, value in prompt.told if value]
    return list(dict.fromkeys([*(prompt.text for prompt in prompts if prompt.text), *own]))
