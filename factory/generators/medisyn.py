"""Images without masks from a text-to-image model of many domains (MediSyn, arXiv 2405.09806)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from factory.attention_maps.class_words import spellings
from factory.attention_maps.token_weights import naming
from factory.generators.base import facet_rows
from factory.generators.common import (
    TrainedGenerator,
    check_domains,
    full_batches,
    latent_shape,
    to_uint8,
    without_casts,
)
from factory.generators.sampling import Conditioning, make_solver, sample
from factory.models.checkpoints import Components, load_text_to_image_components
from factory.models.starting_noise import starting_noise
from factory.models.text_to_image import TextToImageUNet
from factory.pairs import Images, PairBatch
from factory.prompts.captions.caption import (
    SAMPLING_RATES,
    Rates,
    caption,
    check_words,
)
from factory.prompts.captions.facts import (
    CaptionFacts,
    facts_of_prompt,
)
from factory.prompts.captions.wording import load_wording
from factory.prompts.prompt import Prompt


class MediSyn(TrainedGenerator[TextToImageUNet]):
    """A Generator of images: every mask is absent, every label and facet is the prompt's."""

    kind: ClassVar[str] = "medisyn"
    version: ClassVar[int] = 3

    @staticmethod
    def read(checkpoint: Path) -> Components[TextToImageUNet]:
        """The parts of a text-to-image model; raises InputError if it is none, or makes masks."""
        return load_text_to_image_components(checkpoint)

    @cached_property
    def varying(self) -> Mapping[str, Sequence[str]]:
        """Domain -> classes whose presence differed between training images."""
        listed: Mapping[str, Sequence[str]] = self.components.card.get("varying", {})
        return {name: listed.get(name, ()) for name in self.domains}

    def wording(self) -> dict[str, object]:
        """The words and templates of captions, and which classes they may deny."""
        varying = {name: list(classes) for name, classes in self.varying.items()}
        return {"wording": load_wording().digest, "varying": varying}

    def captions(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], rates: Rates = SAMPLING_RATES
    ) -> list[str]:
        """The caption of each prompt, worded by the seed.

        Free text without a finding is the whole caption, as it stands; with one it follows what
        the facets say. A caption with retrieved text names every class asked for.

        Raises:
            InputError: if the model was not trained on a prompt's domain, or never met a word.
        """
        check_domains(prompts, self.domains)
        self.check_texts(prompts)
        captions = [
            caption(self._facts(prompt), np.random.default_rng(int(seed)), rates).text
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        return [
            naming(line, [spellings(name) for name in prompt.classes]) if prompt.retrieved else line
            for prompt, line in zip(prompts, captions, strict=True)
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
        captions, count = self.captions(prompts, seeds), len(prompts)
        drawn = [
            self.draw([prompts[i] for i in at], [captions[i] for i in at], [seeds[i] for i in at])
            for at in full_batches(count, self.section.batch)
        ]
        images = np.concatenate(drawn)[:count]
        pairs = PairBatch.of(images, np.zeros(images.shape[:3], np.uint8), facets)
        return replace(pairs, has_mask=np.zeros(count, bool))

    def _facts(self, prompt: Prompt) -> CaptionFacts:
        return facts_of_prompt(prompt, self.domains[prompt.domain], self.varying[prompt.domain])

    def draw(
        self, prompts: Sequence[Prompt], captions: Sequence[str], seeds: Sequence[int]
    ) -> Images:
        """One full batch: images (B, H, W, C) of prompts by their captions, B as in the section."""
        autoencoder = self.components.autoencoder
        noise = starting_noise(seeds, latent_shape(autoencoder, self.image), 0).to(self.device)
        wanted, empty = self.text_states(captions), self.text_states([""] * len(captions))
        solver = make_solver(self.section.solver, dict(self.components.scheduler_config))
        (latents,) = sample(
            self.components.unet, solver, Conditioning([wanted], [empty]), [noise], self.section
        )
        (drawn,) = autoencoder.decode_streams([latents], seeds)
        pictures = without_casts(prompts, self.domains, drawn)
        return to_uint8(pictures, self.image.channels, autoencoder.ends)


def free_texts(prompts: Sequence[Prompt]) -> list[str]:
    """What users wrote in their own words: free texts, and extra facets with their names."""
    own = [f"{name} {value}" for prompt in prompts for name, value in prompt.conditioning if value]
    return list(dict.fromkeys([*(prompt.text for prompt in prompts if prompt.text), *own]))
