"""Pairs from the dual-stream latent diffusion model MedSegFactory (arXiv 2504.06897)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from factory.masks import CODECS
from factory.models.checkpoints import Components, load_components
from factory.models.denoiser import STREAMS
from factory.models.dual_stream import DualStreamUNet
from factory.models.starting_noise import Between, Seed, starting_noise
from factory.pairs import Images, Masks, PairBatch
from factory.pictures import image_pictures
from factory.prompts.prompt import Prompt

Known = Literal["image", "mask"]


class MedSegFactory(TrainedGenerator[DualStreamUNet]):
    """A Generator: image and mask together, or one of them given the other."""

    kind: ClassVar[str] = "medsegfactory"
    version: ClassVar[int] = 4

    @staticmethod
    def read(checkpoint: Path) -> Components[DualStreamUNet]:
        """The parts of a dual-stream model; raises InputError if it is none."""
        return load_components(checkpoint)

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """Image and mask of each prompt, from noise.

        Raises:
            InputError: if the model was not trained on a prompt's domain or classes.
            ValueError: if there is no prompt, or not one seed for each.
        """
        return self._in_batches(prompts, seeds, None, None)

    def paint(self, prompts: Sequence[Prompt], seeds: Sequence[int], masks: Masks) -> PairBatch:
        """Images (N, H, W, C) for given masks (N, H, W): the mask stream stays at noise level 0.

        Where a decoder draws the detail, the masks come back as they were given.
        """
        return self._in_batches(prompts, seeds, "mask", masks)

    def segment(self, prompts: Sequence[Prompt], seeds: Sequence[int], images: Images) -> PairBatch:
        """Masks (N, H, W) for given images (N, H, W, C): the image stream stays at level 0.

        Where a decoder draws the detail, the images come back as they were given.
        """
        return self._in_batches(prompts, seeds, "image", images)

    def reconstruct(self, domain: str, images: Images, masks: Masks) -> tuple[Images, Masks]:
        """Pairs of one domain, (N, H, W, C) and (N, H, W), through the autoencoder and back.

        What this loses no pair of the generator can have. What a decoder draws follows from the
        numbers of the rows.
        """
        codec = CODECS[self.domains[domain].codec](len(self.domains[domain].classes))
        made: tuple[list[Images], list[Masks]] = [], []
        for start in range(0, len(images), self.section.batch):
            part = slice(start, start + self.section.batch)
            pictures = image_pictures(images[part]) / 127.5 - 1, codec.encode(masks[part])
            latents = [self.components.autoencoder.encode(x.to(self.device)) for x in pictures]
            image, mask = self.components.autoencoder.decode_streams(
                latents, range(start, start + len(latents[0]))
            )
            made[0].append(to_uint8(image, images.shape[-1]))
            made[1].append(codec.decode(mask))
        return np.concatenate(made[0]), np.concatenate(made[1])

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
            noise = [noise_seed(prompts[i], seeds[i]) for i in at]
            image, mask = self._draw(part, noise, known, pictures)
            images.append(image)
            masks.append(mask)
        count = len(prompts)
        return PairBatch.of(np.concatenate(images)[:count], np.concatenate(masks)[:count], facets)

    def _draw(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[Seed],
        known: Known | None,
        given: Tensor | None,
    ) -> tuple[Images, Masks]:
        """One full batch; `given` holds the known stream's pictures (B, 3, H, W) in [-1, 1]."""
        autoencoder = self.components.autoencoder
        shape = latent_shape(autoencoder, self.image)
        start = [starting_noise(seeds, shape, stream).to(self.device) for stream in (0, 1)]
        pictures: list[Tensor | None] = [None, None]
        if given is not None and known is not None:
            pictures[STREAMS.index(known)] = given.to(self.device)
            start[STREAMS.index(known)] = autoencoder.encode(given.to(self.device))
        empty = self.text_states([""] * len(prompts))
        lines = [prompt.image_text for prompt in prompts], [prompt.mask_text for prompt in prompts]
        conditioning = Conditioning([self.text_states(each) for each in lines], [empty, empty])
        solver = make_solver(self.section.solver, dict(self.components.scheduler_config))
        stream = None if known is None else STREAMS.index(known)
        latents = sample(self.components.unet, solver, conditioning, start, self.section, stream)
        image, mask = autoencoder.decode_streams(latents, seeds, pictures)
        shown = without_casts(prompts, self.domains, image)
        return to_uint8(shown, self.image.channels), self._masks(prompts, mask)

    def _masks(self, prompts: Sequence[Prompt], pictures: Tensor) -> Masks:
        """Class indices (B, H, W), each in the codec of its prompt's domain.

        Only classes that the prompt asks for are looked for.
        """
        rows = []
        for prompt, picture in zip(prompts, pictures.split(1), strict=True):
            domain = self.domains[prompt.domain]
            indices = [domain.index(name) for name in prompt.classes]
            rows.append(CODECS[domain.codec](len(domain.classes)).decode(picture, indices))
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


def noise_seed(prompt: Prompt, seed: int) -> Seed:
    """What a pair's noise is drawn from: its seed; of a slice its place in the volume, whatever seed.

    Neighbours of a volume start from nearly the same noise, and end in nearly the same texture.
    """
    return seed if prompt.place is None else Between(*prompt.place.noise)
