"""Pairs from the dual-stream latent diffusion model MedSegFactory (arXiv 2504.06897)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from factory.masks import CODECS
from factory.models.checkpoints import Components, checkpoint_digest, load_components
from factory.models.denoiser import STREAMS
from factory.models.dual_stream import DualStreamUNet
from factory.pairs import Images, Masks, PairBatch
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.training.latents import image_pictures
from factory.vocabulary import Domain

SAMPLING_VERSION = 2
Known = Literal["image", "mask"]


@dataclass(frozen=True, eq=False)
class MedSegFactory:
    """A Generator: image and mask together, or one of them given the other.

    Attributes:
        components: the loaded checkpoint.
        weights: digest of its files.
        image: size and channels of the pairs.
        section: solver, steps, guidance and the fixed batch.
    """

    components: Components[DualStreamUNet]
    weights: str
    image: ImageSection
    section: SampleSection

    @staticmethod
    def load(checkpoint: Path, image: ImageSection, section: SampleSection) -> MedSegFactory:
        """Reads a checkpoint folder, onto the GPU where there is one.

        Raises:
            InputError: if the folder is no checkpoint, or made for other images.
        """
        components = ready(load_components(checkpoint), checkpoint, image)
        return MedSegFactory(components, checkpoint_digest(checkpoint), image, section)

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains the model was trained on, by name."""
        return domains_of(self.components)

    @cached_property
    def digest(self) -> str:
        """Digest of weights, image section, sampling and version of this code path."""
        content = {
            "generator": "medsegfactory",
            "version": SAMPLING_VERSION,
            "weights": self.weights,
            "image": self.image.model_dump(mode="json"),
            "sample": first_named(self.section.model_dump(mode="json")),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """Image and mask of each prompt, from noise.

        Raises:
            InputError: if the model was not trained on a prompt's domain or classes.
            ValueError: if there is no prompt, or not one seed for each.
        """
        return self._in_batches(prompts, seeds, None, None)

    def paint(self, prompts: Sequence[Prompt], seeds: Sequence[int], masks: Masks) -> PairBatch:
        """Images (N, H, W, C) for given masks (N, H, W): the mask stream stays at noise level 0."""
        return self._in_batches(prompts, seeds, "mask", masks)

    def segment(self, prompts: Sequence[Prompt], seeds: Sequence[int], images: Images) -> PairBatch:
        """Masks (N, H, W) for given images (N, H, W, C): the image stream stays at level 0."""
        return self._in_batches(prompts, seeds, "image", images)

    def reconstruct(self, domain: str, images: Images, masks: Masks) -> tuple[Images, Masks]:
        """Pairs of one domain, (N, H, W, C) and (N, H, W), through the autoencoder and back.

        What this loses no pair of the generator can have.
        """
        codec = CODECS[self.domains[domain].codec](len(self.domains[domain].classes))
        made: tuple[list[Images], list[Masks]] = [], []
        for start in range(0, len(images), self.section.batch):
            part = slice(start, start + self.section.batch)
            made[0].append(
                to_uint8(self._recoded(image_pictures(images[part]) / 127.5 - 1), images.shape[-1])
            )
            made[1].append(codec.decode(self._recoded(codec.encode(masks[part]))))
        return np.concatenate(made[0]), np.concatenate(made[1])

    def _recoded(self, pictures: Tensor) -> Tensor:
        autoencoder = self.components.autoencoder
        device = next(autoencoder.parameters()).device
        return autoencoder.decode(autoencoder.encode(pictures.to(device))).cpu()

    def _in_batches(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        known: Known | None,
        given: NDArray[np.uint8] | None,
    ) -> PairBatch:
        facets = pd.DataFrame(facet_rows(prompts, seeds)).fillna("")
        check_domains(prompts, self.domains)
        images, masks = [], []
        for at in full_batches(len(prompts), self.section.batch):
            part = [prompts[i] for i in at]
            pictures = None if given is None else self._pictures(part, given[at], known)
            image, mask = self._draw(part, [seeds[i] for i in at], known, pictures)
            images.append(image)
            masks.append(mask)
        count = len(prompts)
        return PairBatch.of(np.concatenate(images)[:count], np.concatenate(masks)[:count], facets)

    def _draw(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        known: Known | None,
        given: Tensor | None,
    ) -> tuple[Images, Masks]:
        """One full batch; `given` holds the known stream's pictures (B, 3, H, W) in [-1, 1]."""
        autoencoder, text = self.components.autoencoder, self.components.text
        device = next(autoencoder.parameters()).device
        shape = latent_shape(autoencoder, self.image)
        start = [starting_noise(seeds, shape, stream).to(device) for stream in (0, 1)]
        if given is not None and known is not None:
            start[STREAMS.index(known)] = autoencoder.encode(given.to(device))
        empty = text([""] * len(prompts)).to(device)
        told = [prompt.image_text for prompt in prompts], [prompt.mask_text for prompt in prompts]
        conditioning = Conditioning([text(lines).to(device) for lines in told], [empty, empty])
        solver = make_solver(self.section.solver, dict(self.components.scheduler_config))
        stream = None if known is None else STREAMS.index(known)
        image, mask = sample(
            self.components.unet, solver, conditioning, start, self.section, stream
        )
        pictures = without_casts(prompts, self.domains, autoencoder.decode(image))
        masks = self._masks(prompts, autoencoder.decode(mask))
        return to_uint8(pictures, self.image.channels), masks

    def _masks(self, prompts: Sequence[Prompt], pictures: Tensor) -> Masks:
        """Class indices (B, H, W), each in the codec of its prompt's domain.

        Only classes that the prompt asks for are looked for.
        """
        rows = []
        for prompt, picture in zip(prompts, pictures.split(1), strict=True):
            domain = self.domains[prompt.domain]
            asked = [domain.index(name) for name in prompt.classes]
            rows.append(CODECS[domain.codec](len(domain.classes)).decode(picture, asked))
        return np.concatenate(rows)

    def _pictures(
        self, prompts: Sequence[Prompt], given: NDArray[np.uint8], known: Known | None
    ) -> Tensor:
        """Given images or masks as pictures (B, 3, H, W) in [-1, 1]."""
        if known == "image":
            return image_pictures(given).float() / 127.5 - 1
        domains = [self.domains[prompt.domain] for prompt in prompts]
        rows = [
            CODECS[domain.codec](len(domain.classes)).encode(given[i : i + 1])
            for i, domain in enumerate(domains)
        ]
        return torch.cat(rows)
