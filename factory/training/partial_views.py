"""Parts of training images as images of their own: what is out of sight there gives words contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from scipy.ndimage import gaussian_filter

from factory.errors import InputError
from factory.pairs import Images, PairBatch
from factory.settings import Box, ViewSection
from factory.vocabulary import Domain, unknown_name

SOFT = 1 / 32  # of the side: blur of what a covered part is painted with


def with_views(
    pairs: PairBatch,
    domains: Mapping[str, Domain],
    views: Sequence[ViewSection],
    share: float,
    seed: int,
) -> PairBatch:
    """Pairs, and after them some of their images once more, seen in a view drawn for each.

    A word that stands in every caption, for something in every image, has no contrast. A view is a
    stated part of the image in which structures are missing; no mask is read, and none is kept.

    Args:
        pairs: N pairs.
        domains: of these pairs, by name.
        views: to draw from; none leaves the pairs as they are.
        share: of the images that are shown in a view.
        seed: of the draws.

    Returns:
        The pairs, and round(share * N) more whose labels lack what is out of sight, with the view's
        words as text and without a finding, which may be out of sight too.

    Raises:
        InputError: if no domain has a class that a view is said to lack.
    """
    for view in views:
        _check(view, domains)
    draw = np.random.default_rng(seed)
    rows = draw.permutation(len(pairs))[: round(share * len(pairs))]
    if not views or not len(rows):
        return pairs
    chosen = [views[int(draw.integers(len(views)))] for _ in rows]
    return PairBatch.concatenate([pairs, _in_views(pairs[np.sort(rows)], chosen)])


def _check(view: ViewSection, domains: Mapping[str, Domain]) -> None:
    known = [name for domain in domains.values() for name in domain.classes]
    for name in view.absent:
        if name not in known:
            raise unknown_name("class", name, known, "generator.train.views")


def _in_views(pairs: PairBatch, views: Sequence[ViewSection]) -> PairBatch:
    labels = [
        ";".join(name for name in str(row).split(";") if name and name not in view.absent)
        for row, view in zip(pairs.facets["labels"], views, strict=True)
    ]
    facets = pairs.facets.assign(labels=labels, finding="", text=[view.text for view in views])
    # Words for what is seen of an image that nobody outlined are words all the same.
    named = pairs.facets["labels"].to_numpy(str) != ""
    images = [in_view(image, view) for image, view in zip(pairs.images, views, strict=True)]
    empty = np.zeros_like(pairs.masks)
    return PairBatch(np.stack(images), empty, facets, pairs.spacing_mm, pairs.has_mask | named)


def in_view(image: Images, view: ViewSection) -> Images:
    """What a view shows of an image (H, W, C), at its size.

    Raises:
        InputError: if a box is smaller than a pixel.
    """
    if view.box is not None:
        return enlarged(image, view.box)
    for box in view.covered:
        image = without(image, box)
    return image


def enlarged(image: Images, box: Box) -> Images:
    """A part of an image (H, W, C), enlarged to its size."""
    part = torch.from_numpy(np.ascontiguousarray(image[part_of(image, box)]))
    large = F.interpolate(part.movedim(-1, 0)[None].float(), image.shape[:2], mode="bicubic")
    return np.asarray(large[0].movedim(0, -1).round().clamp(0, 255).to(torch.uint8).numpy())


def without(image: Images, box: Box) -> Images:
    """An image (H, W, C) with a part painted over: row by row, from what lies left to right of it."""
    rows, columns = part_of(image, box)
    blur = SOFT * len(image)
    soft = gaussian_filter(image.astype(np.float32), (blur, blur, 0))[rows]
    ends = soft[:, [columns.start]], soft[:, [columns.stop - 1]]
    across = np.linspace(0, 1, columns.stop - columns.start)[None, :, None]
    covered = image.copy()
    covered[rows, columns] = ((1 - across) * ends[0] + across * ends[1]).round().clip(0, 255)
    return covered


def part_of(image: Images, box: Box) -> tuple[slice, slice]:
    """Rows and columns of a box.

    Raises:
        InputError: if it is smaller than a pixel.
    """
    height, width = image.shape[:2]
    top, left, bottom, right = box
    rows = slice(round(top * height), round(bottom * height))
    columns = slice(round(left * width), round(right * width))
    if rows.start == rows.stop or columns.start == columns.stop:
        raise InputError(f"view {box} of an image of {width} x {height} pixels holds none")
    return rows, columns
