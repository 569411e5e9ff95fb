"""Latents and text states of a training set, computed once: augmented, encoded, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from factory.models.autoencoders.base import Autoencoder
from factory.models.denoiser import STREAMS
from factory.pairs import PairBatch
from factory.prompts.prompt import texts as texts_of
from factory.settings import Augmentation
from factory.training.augmentation import augment
from factory.training.steps import Progress, step_generator
from factory.vocabulary import Domain

TextStates = Callable[[Sequence[str]], Tensor]
Pictures = Callable[[PairBatch], Tensor]  # N pairs -> (N, 3, H, W) uint8
# Number of a variant -> the texts of all N pairs, one for each stream.
Texts = Callable[[int], Sequence[Sequence[str]]]

OTHERS = ("prompt", "texts", "spread", "moved")  # what is kept beside the streams, in order
FEW = 8  # latents that tell nothing of how their domain varies


@dataclass(frozen=True)
class Latents:
    """What the denoiser trains on.

    Attributes:
        streams: (M, C, h, w) latents of each stream, row by row of one pair.
        prompt: (M, S) rows of `texts` for each of the S streams.
        texts: (T, L, D) text states; row 0 is the empty prompt.
        spread: (M, S) mean squared distance of the latents of a row's domain from their mean: how
            much there is to learn of a row once its domain is known.
        moved: (M, 2, 3) where each place of a row's variant lies in the pair as it is: see `augment`.
    """

    streams: tuple[Tensor, ...]
    prompt: Tensor
    texts: Tensor
    spread: Tensor
    moved: Tensor

    def __len__(self) -> int:
        return len(self.prompt)

    def save(self, file: Path, key: str) -> None:
        """Writes safetensors that carry the key they were made for."""
        file.parent.mkdir(parents=True, exist_ok=True)
        named = dict(zip(STREAMS, self.streams, strict=False))
        others = {name: getattr(self, name) for name in OTHERS}
        save_file({**named, **others}, file, {"key": key})

    @staticmethod
    def load(file: Path, key: str) -> Latents | None:
        """Reads them back if they exist and were made for this key."""
        if not file.exists():
            return None
        with safe_open(file, "pt") as stored:
            if (stored.metadata() or {}).get("key") != key:
                return None
        read = load_file(file)
        if not read.keys() >= set(OTHERS):  # of an earlier version
            return None
        streams = tuple(read[name] for name in STREAMS if name in read)
        return Latents(streams, *(read[name] for name in OTHERS))


Encoding = Generator[Progress, None, Latents]


def pair_texts(pairs: PairBatch, domains: Mapping[str, Domain]) -> list[tuple[str, str]]:
    """The image text and the mask text that describe each real pair."""
    described = []
    for row in pairs.facets.itertuples():
        labels = tuple(label for label in str(row.labels).split(";") if label)
        described.append(
            texts_of(domains[str(row.domain)], labels, str(row.finding), str(row.text))
        )
    return described


def encode_streams(
    pairs: PairBatch,
    pictures: Sequence[Pictures],
    texts: Texts,
    autoencoder: Autoencoder,
    text: TextStates,
    augmentation: Augmentation,
    seed: int,
) -> Generator[Progress, None, Latents]:
    """Encodes every variant of every pair; yields progress and returns the latents.

    Args:
        pairs: N pairs.
        pictures: of pairs for each stream.
        texts: number of a variant -> texts of all pairs, one for each stream.
        autoencoder: between pictures and latents.
        text: the text encoder.
        augmentation: how many variants there are, and how they differ.
        seed: of the variants.
    """
    lines = [both for copy in range(augmentation.copies) for both in texts(copy)]
    prompts = sorted({line for both in lines for line in both})
    rows = {line: index + 1 for index, line in enumerate(prompts)}
    prompt = torch.tensor([[rows[line] for line in both] for both in lines])
    device = next(autoencoder.parameters()).device
    made: list[list[Tensor]] = [[] for _ in pictures]
    moved = []
    parts = torch.arange(len(pairs)).split(32)
    steps = augmentation.copies * len(parts)
    for copy in range(augmentation.copies):
        for number, part in enumerate(parts):
            batch, origins = pairs[part.numpy()], torch.eye(2, 3).expand(len(part), -1, -1)
            if copy:
                generator = step_generator(seed, copy * len(parts) + number)
                images, masks, origins = augment(batch.images, batch.masks, augmentation, generator)
                batch = PairBatch(images, masks, batch.facets, batch.spacing_mm, batch.has_mask)
            moved.append(origins)
            for stream, picture in zip(made, pictures, strict=True):
                stream.append(autoencoder.encode(picture(batch).to(device) / 127.5 - 1).cpu())
            yield Progress("latents", copy * len(parts) + number + 1, steps, {})
    streams = tuple(torch.cat(stream).contiguous() for stream in made)
    domain_of_row = np.tile(pairs.facets["domain"].to_numpy(str), augmentation.copies)
    spread = torch.stack([domain_spread(stream, domain_of_row) for stream in streams], 1)
    return Latents(streams, prompt, text(["", *prompts]).cpu(), spread, torch.cat(moved))


def domain_spread(latents: Tensor, domains: NDArray[np.str_]) -> Tensor:
    """(M,) mean squared distance of each domain's latents from their mean.

    Args:
        latents: (M, C, h, w).
        domains: (M,) names; one of which there are few gets what all of them vary by.
    """
    spread = torch.full((len(latents),), (latents - latents.mean(0)).square().mean().item())
    for name in np.unique(domains):
        rows = torch.from_numpy(domains == name)
        if rows.sum() >= FEW:
            own = latents[rows]
            spread[rows] = (own - own.mean(0)).square().mean()
    return spread


def latents_stage(
    encode: Callable[[Augmentation], Encoding],
    augmentation: Augmentation,
    encoders: str,
    wording: str,
    file: Path,
) -> Encoding:
    """Latents read back from a file, or encoded and kept there.

    Args:
        encode: makes them.
        augmentation: which variants are encoded.
        encoders: digest of what encodes them; with the augmentation and the wording it says whether
            those in the file still hold.
        wording: of what the texts say, "" where that is fixed.
        file: where they are kept.
    """
    key = f"{encoders} {augmentation.model_dump_json()}{wording}"
    if (cached := Latents.load(file, key)) is not None:
        return cached
    latents = yield from encode(augmentation)
    latents.save(file, key)
    return latents
