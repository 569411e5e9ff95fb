"""Latents and text states of a training set, computed once: augmented, encoded, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from factory.models.autoencoders.base import Autoencoder
from factory.models.denoiser import STREAMS
from factory.pairs import Images, Masks, PairBatch
from factory.prompts.prompt import texts as texts_of
from factory.settings import Augmentation
from factory.training.steps import Progress, step_generator
from factory.vocabulary import Domain

TextStates = Callable[[Sequence[str]], Tensor]
Pictures = Callable[[PairBatch], Tensor]  # N pairs -> (N, 3, H, W) uint8
# Number of a variant -> the texts of all N pairs, one for each stream.
Texts = Callable[[int], Sequence[Sequence[str]]]

BLACK = 0.05  # of full brightness
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
    """

    streams: tuple[Tensor, ...]
    prompt: Tensor
    texts: Tensor
    spread: Tensor

    def __len__(self) -> int:
        return len(self.prompt)

    def save(self, file: Path, key: str) -> None:
        """Writes safetensors that carry the key they were made for."""
        file.parent.mkdir(parents=True, exist_ok=True)
        named = dict(zip(STREAMS, self.streams, strict=False))
        others = {"prompt": self.prompt, "texts": self.texts, "spread": self.spread}
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
        if "spread" not in read:  # of an earlier version
            return None
        streams = tuple(read[name] for name in STREAMS if name in read)
        return Latents(streams, read["prompt"], read["texts"], read["spread"])


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


def _transforms(count: int, spec: Augmentation, generator: torch.Generator) -> Tensor:
    """(N, 2, 3) inverse affine maps, in the coordinates of grid_sample."""

    def uniform(reach: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * reach

    angle, size = uniform(np.deg2rad(spec.rotate)), torch.exp(uniform(float(np.log1p(spec.scale))))
    flip = torch.ones(count)
    if spec.mirror:
        flip[torch.rand(count, generator=generator) < 0.5] = -1
    cos, sin = angle.cos() * size, angle.sin() * size
    shifts = [uniform(2 * spec.shift), uniform(2 * spec.shift)]
    rows = [
        torch.stack([cos * flip, -sin, shifts[0]], 1),
        torch.stack([sin * flip, cos, shifts[1]], 1),
    ]
    return torch.stack(rows, 1)


def augment(
    images: Images, masks: Masks, spec: Augmentation, generator: torch.Generator
) -> tuple[Images, Masks]:
    """One random variant of each pair; masks by nearest neighbour.

    What is moved in from outside is black where the picture's edge is, as beside a film or a fan
    of ultrasound, and reflected elsewhere: a model learns and draws a reflected abdomen. Black bars
    that make a picture square stay where they are: turned with it, they would be drawn as corners.
    """
    shape = (len(images), 1, *masks.shape[1:])
    grid = F.affine_grid(
        _transforms(len(images), spec, generator), list(shape), align_corners=False
    )
    picture = torch.from_numpy(images).movedim(-1, 1).float() / 255
    label = torch.from_numpy(masks)[:, None].float()
    frame = Frame.of(picture)
    moved = frame.sampled(picture, grid, "bilinear").clamp(0, 1)
    relabelled = frame.sampled(label, grid, "nearest")
    exponent = torch.exp((torch.rand(len(images), generator=generator) * 2 - 1) * spec.gamma)
    moved = moved ** exponent.view(-1, 1, 1, 1)
    return (
        (moved * 255).round().to(torch.uint8).movedim(1, -1).contiguous().numpy(),
        relabelled[:, 0].to(torch.uint8).numpy(),
    )


@dataclass(frozen=True)
class Frame:
    """Which part of square pictures is not the padding that made them square, and how it ends.

    Attributes:
        within: (N, 1, H, W) True in that part.
        first: (N, 1, 1, 2) its left and its upper edge, in the coordinates of grid_sample.
        last: (N, 1, 1, 2) its right and its lower one.
        dark: (N, 1, 1, 1) whether most of its outermost pixels are black.
    """

    within: Tensor
    first: Tensor
    last: Tensor
    dark: Tensor

    @staticmethod
    def of(pictures: Tensor) -> Frame:
        """The frames of (N, C, H, W) in [0, 1]."""
        lit = pictures.amax(1) > 0
        columns, rows = _padded(lit.any(1)), _padded(lit.any(2))
        # Padding lies on two sides: black on all four is what the picture shows.
        both = (~columns.all(1) & ~rows.all(1))[:, None]
        columns, rows = columns | both, rows | both
        within = rows[:, :, None] & columns[:, None]
        inner = (rows & _between(rows))[:, :, None] & (columns & _between(columns))[:, None]
        edge = (within & ~inner)[:, None].expand_as(pictures)
        ends = torch.where(edge, pictures, torch.nan).flatten(1).nanmedian(1).values
        spans = [_span(columns), _span(rows)]
        first, last = (torch.stack(each, 1)[:, None, None] for each in zip(*spans, strict=True))
        return Frame(within[:, None], first, last, (ends < BLACK)[:, None, None, None])

    def sampled(self, pictures: Tensor, grid: Tensor, mode: str) -> Tensor:
        """Pictures at the places of a grid (N, H, W, 2); beyond the frame black or reflected."""
        black = F.grid_sample(pictures, grid, mode, "zeros", align_corners=False)
        half = 1 / torch.tensor([pictures.shape[3], pictures.shape[2]])
        # Between the centres of the outermost pixels, so that nothing beyond them is mixed in.
        width = self.last - self.first
        folded = width - ((grid - self.first).remainder(2 * width) - width).abs()
        within = (self.first + folded).clamp(self.first + half, self.last - half)
        reflected = F.grid_sample(pictures, within, mode, "border", align_corners=False)
        return torch.where(self.dark, black, reflected * self.within)


def _padded(lit: Tensor) -> Tensor:
    """(N, n) whether lines lie between two bars of black ones that are equally wide, up to one line."""
    count = lit.shape[1]
    numbers = lit.to(torch.uint8)
    before, after = numbers.argmax(1, keepdim=True), numbers.flip(1).argmax(1, keepdim=True)
    centred = ((before - after).abs() <= 1) & lit.any(1, keepdim=True)
    at = torch.arange(count)
    return ((at >= before) & (at < count - after)) | ~centred


def _between(lines: Tensor) -> Tensor:
    """(N, n) whether lines have a line that is True on both sides."""
    beside = F.pad(lines, (1, 1), value=False)
    return beside[:, :-2] & beside[:, 2:]


def _span(lines: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) where the lines that are True begin and end, in the coordinates of grid_sample."""
    numbers, count = lines.to(torch.uint8), lines.shape[1]
    first, last = numbers.argmax(1), count - numbers.flip(1).argmax(1)
    return 2 * first / count - 1, 2 * last / count - 1


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
    parts = torch.arange(len(pairs)).split(32)
    steps = augmentation.copies * len(parts)
    for copy in range(augmentation.copies):
        for number, part in enumerate(parts):
            batch = pairs[part.numpy()]
            if copy:
                generator = step_generator(seed, copy * len(parts) + number)
                images, masks = augment(batch.images, batch.masks, augmentation, generator)
                batch = PairBatch(images, masks, batch.facets, batch.spacing_mm, batch.has_mask)
            for stream, picture in zip(made, pictures, strict=True):
                stream.append(autoencoder.encode(picture(batch).to(device) / 127.5 - 1).cpu())
            yield Progress("latents", copy * len(parts) + number + 1, steps, {})
    streams = tuple(torch.cat(stream).contiguous() for stream in made)
    domain_of_row = np.tile(pairs.facets["domain"].to_numpy(str), augmentation.copies)
    spread = torch.stack([domain_spread(stream, domain_of_row) for stream in streams], 1)
    return Latents(streams, prompt, text(["", *prompts]).cpu(), spread)


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
