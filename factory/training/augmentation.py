"""Variants of a pair for training: turned, scaled, moved, brightened, image and mask together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor

from factory.pairs import Images, Masks
from factory.settings import Augmentation

BLACK = 0.05  # of full brightness


def augment(
    images: Images, masks: Masks, spec: Augmentation, generator: torch.Generator
) -> tuple[Images, Masks, Tensor]:
    """One random variant of each pair; masks by nearest neighbour.

    With them goes where they come from: (N, 2, 3) affine maps from places in a variant to places in the
    picture, in the coordinates of grid_sample.

    What is moved in from outside is black where the picture's edge is, as beside a film or a fan
    of ultrasound, and reflected elsewhere: a model learns and draws a reflected abdomen. Black bars
    that make a picture square stay where they are: turned with it, they would be drawn as corners.
    """
    shape = (len(images), 1, *masks.shape[1:])
    origins = _transforms(len(images), spec, generator)
    grid = F.affine_grid(origins, list(shape), align_corners=False)
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
        origins,
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
