"""Pairs from the dual-stream latent diffusion model MedSegFactory (arXiv 2504.06897)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from factory.generators.base import facet_rows
from factory.generators.common import (
    AS_DRAWN,
    TrainedGenerator,
    check_domains,
    full_batches,
    latent_shape,
    to_uint8,
    without_casts,
)
from factory.generators.sampling import Conditioning, Kept, make_solver, repaint, sample
from factory.masks import CODECS
from factory.models.autoencoders.base import Given, touched_cells
from factory.models.checkpoints import Components, load_components
from factory.models.dual_stream import DualStreamUNet
from factory.models.starting_noise import Between, Seed, starting_noise
from factory.pairs import Images, Masks, PairBatch
from factory.pictures import image_pictures
from factory.prompts.prompt import Prompt

OTHER_NOISE = 1 << 36  # added to a stream's number where noise is drawn again at a level

Regions = NDArray[np.bool_]  # (N, H, W), True where pixels are drawn anew


class MedSegFactory(TrainedGenerator[DualStreamUNet]):
    """A Generator: image and mask together, or one of them given the other."""

    kind: ClassVar[str] = "medsegfactory"
    version: ClassVar[int] = 6

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
        return self._in_batches(prompts, seeds)

    def paint(self, prompts: Sequence[Prompt], seeds: Sequence[int], masks: Masks) -> PairBatch:
        """Images (N, H, W, C) for given masks (N, H, W): the mask stream stays at noise level 0.

        Where a decoder draws the detail, the masks come back as they were given.
        """
        return self._in_batches(prompts, seeds, masks=masks)

    def segment(self, prompts: Sequence[Prompt], seeds: Sequence[int], images: Images) -> PairBatch:
        """Masks (N, H, W) for given images (N, H, W, C): the image stream stays at level 0.

        Where a decoder draws the detail, the images come back as they were given.
        """
        return self._in_batches(prompts, seeds, images)

    def fill(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        images: Images,
        masks: Masks,
        regions: Regions,
    ) -> PairBatch:
        """Pairs (N, H, W, C) and (N, H, W) drawn anew, image and mask, within regions (N, H, W).

        Outside of them every pixel comes back as it was given, to the bit; inside, a mask shows only
        classes that its prompt asks for.

        Raises:
            InputError: if the model was not trained on a prompt's domain or classes.
            ValueError: if there is no prompt, or not one seed for each.
        """
        made = self._in_batches(prompts, seeds, images, masks, regions)
        image = np.where(regions[..., None], made.images, images)
        return replace(made, images=image, masks=np.where(regions, made.masks, masks))

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
            ends = self.components.autoencoder.ends
            made[0].append(to_uint8(image, images.shape[-1], ends))
            made[1].append(codec.decode(mask))
        return np.concatenate(made[0]), np.concatenate(made[1])

    def _in_batches(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        images: Images | None = None,
        masks: Masks | None = None,
        regions: Regions | None = None,
    ) -> PairBatch:
        """Pairs of which one half is given, or both and where to draw all the same."""
        facets = pd.DataFrame(facet_rows(prompts, seeds)).fillna("")
        check_domains(prompts, self.domains)
        drawn = []
        for at in full_batches(len(prompts), self.section.batch):
            part = [prompts[i] for i in at]
            image = None if images is None else self._image_pictures(images[at])
            mask = None if masks is None else self._mask_pictures(part, masks[at])
            anew = None if regions is None else torch.from_numpy(regions[at][:, None])
            drawn.append(self._draw(part, [seeds[i] for i in at], (image, mask), anew))
        count = len(prompts)
        made = [np.concatenate(stream)[:count] for stream in zip(*drawn, strict=True)]
        return PairBatch.of(made[0], made[1], facets)

    def _draw(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], given: Given, anew: Tensor | None
    ) -> tuple[Images, Masks]:
        """One full batch; `given` holds the pictures of known streams, `anew` where to draw in them."""
        pictures = [None if x is None else x.to(self.device) for x in given]
        places = None if anew is None else anew.to(self.device)
        both = list(zip(prompts, seeds, strict=True))
        latents = self._latents(prompts, [noise_seed(*each) for each in both], pictures, places)
        detail = [detail_seed(*each) for each in both]
        decoded = self.components.autoencoder.decode_streams(latents, detail, pictures, places)
        shown = without_casts(prompts, self.domains, decoded[0])
        kept = pictures[0] is not None and places is None  # an image that was given stays as it is
        ends = AS_DRAWN if kept else self.components.autoencoder.ends
        return to_uint8(shown, self.image.channels, ends), self._masks(prompts, decoded[1])

    def _latents(
        self, prompts: Sequence[Prompt], seeds: Sequence[Seed], given: Given, anew: Tensor | None
    ) -> tuple[Tensor, ...]:
        """(B, C, h, w) of both streams."""
        parts, text, section = self.components, self._conditioning(prompts), self.section
        shape, config = latent_shape(parts.autoencoder, self.image), dict(parts.scheduler_config)
        clean = [None if x is None else parts.autoencoder.encode(x) for x in given]
        known = [i for i, x in enumerate(clean) if x is not None]

        def noise(number: int) -> list[Tensor]:
            first = OTHER_NOISE + 2 * number if number else 0
            return [starting_noise(seeds, shape, first + i).to(self.device) for i in (0, 1)]

        if anew is not None:
            kept = Kept([x for x in clean if x is not None], touched_cells(anew, shape[1:]))
            return repaint(parts.unet, config, text, kept, noise, section)
        start = [fresh if x is None else x for fresh, x in zip(noise(0), clean, strict=True)]
        solver = make_solver(section.solver, config)
        return sample(parts.unet, solver, text, start, section, next(iter(known), None))

    def _conditioning(self, prompts: Sequence[Prompt]) -> Conditioning:
        """The texts of both streams, led away from no text at all."""
        empty = self.text_states([""] * len(prompts))
        lines = [prompt.image_text for prompt in prompts], [prompt.mask_text for prompt in prompts]
        return Conditioning([self.text_states(each) for each in lines], [empty, empty])

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

    def _image_pictures(self, images: Images) -> Tensor:
        """Given images (B, H, W, C) as pictures (B, 3, H, W) in [-1, 1]."""
        return image_pictures(images).float() / 127.5 - 1

    def _mask_pictures(self, prompts: Sequence[Prompt], masks: Masks) -> Tensor:
        """Given masks (B, H, W) as pictures (B, 3, H, W) in [-1, 1], each in its domain's codec."""
        rows = []
        for prompt, mask in zip(prompts, masks, strict=True):
            domain = self.domains[prompt.domain]
            rows.append(CODECS[domain.codec](len(domain.classes)).encode(mask[np.newaxis]))
        return torch.cat(rows)


def noise_seed(prompt: Prompt, seed: int) -> Seed:
    """What a pair's noise is drawn from: its seed; of a slice its place in the volume, whatever seed.

    Neighbours of a volume start from nearly the same noise, and end in nearly the same structures.
    """
    return seed if prompt.place is None else Between(*prompt.place.noise)


def detail_seed(prompt: Prompt, seed: int) -> int:
    """What a decoder draws detail from: the pair's seed; of a slice one of its own.

    Grain that goes on from slice to slice, as structures do, makes neighbours too much alike.
    """
    return seed if prompt.place is None else prompt.place.detail
