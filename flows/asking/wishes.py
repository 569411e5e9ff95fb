"""What is asked of a model of image and mask where something is given, in the studio and in Python."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.pairs import Images, Masks
from factory.prompts.grid import PromptGrid
from factory.prompts.masks.section import MasksSection
from factory.prompts.origins import (
    FILL_DIGEST,
    FILL_OF,
    FILL_REGION,
    MASK_DIGEST,
    MASK_FROM,
    MASK_WARP,
)
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain
from flows.asking.asked_pairs import in_turns
from flows.asking.mask_indices import check_indices
from flows.asking.request import Request

if TYPE_CHECKING:
    from factory.generators.medsegfactory import MedSegFactory
    from factory.pairs import PairBatch
    from factory.prompts.masks.library import MaskLibrary

    Draw = Callable[[MedSegFactory, Prompt, int], PairBatch]

DIGITS = 64  # of a prompt's digest

Region = NDArray[np.bool_]  # (S, S), True where pixels are drawn anew


@dataclass(frozen=True)
class Wish:
    """Pairs to draw one by one.

    Attributes:
        prompts: of each pair.
        seeds: of each pair.
        draw: makes the pair of one prompt and seed.
    """

    prompts: Sequence[Prompt]
    seeds: Sequence[int]
    draw: Draw


@dataclass(frozen=True, eq=False)
class WholePair:
    """A pair in which a region is to be drawn anew.

    Attributes:
        image: (S, S, C), in the model's size.
        mask: (S, S) class indices.
        origin: where it comes from, for the lineage.
        synthetic: whether a model drew all of it.
    """

    image: Images
    mask: Masks
    origin: str
    synthetic: bool = False


def painted(request: Request, domain: Domain, mask: Masks, origin: str) -> Wish:
    """Images for a mask, which each pair keeps to the pixel.

    Args:
        request: of which the classes are those that the mask shows.
        domain: of all pairs.
        mask: (S, S) class indices, in the model's size.
        origin: where it comes from, for the lineage: "drawn in the studio".

    Raises:
        InputError: if the mask shows what the domain or the finding does not.
    """
    shown = shown_in(mask, origin, request, domain)
    extra = {MASK_FROM: origin, MASK_WARP: "none", MASK_DIGEST: digest_of(mask)}
    prompts = [request.prompt(domain, shown, extra, k) for k in range(request.number)]

    def draw(model: MedSegFactory, prompt: Prompt, seed: int) -> PairBatch:
        given = mask[np.newaxis]
        # A mask that passed an autoencoder has come back changed; the image is for this one.
        return replace(model.paint([prompt], [seed], given), masks=given)

    return Wish(prompts, [prompt.seed for prompt in prompts], draw)


def warped(request: Request, domain: Domain, library: MaskLibrary, may_show: bool) -> Wish:
    """Images for masks of a library that fit what is asked for, in turns, each warped by its seed.

    Args:
        request: of which the classes are those that the masks show.
        domain: of all pairs.
        library: of training masks, or of a single one, with the limits of the warp.
        may_show: whether a mask that no warp was found for may be used as it is.

    Raises:
        InputError: if no mask fits what is asked for.
    """
    section = replace(request, classes=None).section
    masked = section.model_copy(update={"masks": library.section})
    grid = PromptGrid(masked, {domain.name: domain}).painting(library)
    prompts = in_turns(grid, request.number)

    def draw(model: MedSegFactory, prompt: Prompt, seed: int) -> PairBatch:
        from factory.generators.mask_first import MaskFirst

        if not may_show:
            _refuse_unwarped(library, prompt, seed)
        return MaskFirst(model, library).generate([prompt], [seed])

    return Wish(prompts, [prompt.seed for prompt in prompts], draw)


def library_of(
    mask: Masks, origin: str, request: Request, domain: Domain, section: MasksSection
) -> MaskLibrary:
    """A single mask as a library, which fits the request.

    Plausible are warps of about its own place and size, as no other mask says what there is.

    Raises:
        InputError: if it shows what the domain or the finding does not.
    """
    import pandas as pd

    from factory.pairs import PairBatch
    from factory.prompts.masks.library import MaskLibrary

    shown_in(mask, origin, request, domain)
    facets = pd.DataFrame([{"name": origin, "domain": domain.name, "finding": request.finding}])
    pair = PairBatch.of(np.zeros((1, *mask.shape, 1), np.uint8), mask[np.newaxis], facets)
    return MaskLibrary.of(pair, {domain.name: domain}, section)


def filled(request: Request, domain: Domain, whole: WholePair, region: Region) -> Wish:
    """Pairs that are a given one outside of a region, to the bit, and drawn anew within it.

    Args:
        request: the classes that it asks for may appear within; those outside are kept.
        domain: of all pairs.
        whole: the pair.
        region: (S, S), in the model's size.

    Raises:
        InputError: if nothing is marked, or the mask shows what the domain or the finding does not.
    """
    if not region.any():
        raise InputError(
            "no region is marked, so nothing would be drawn: mark the pixels to draw anew first"
        )
    kept = np.where(region, 0, whole.mask).astype(np.uint8)
    around = shown_in(kept, whole.origin, request, domain)
    asked = domain.shown(request.finding) if request.classes is None else request.classes
    extra = {
        FILL_OF: whole.origin,
        FILL_REGION: _place(region),
        FILL_DIGEST: digest_of(whole.image, whole.mask, region),
    }
    shown = [name for name in domain.classes if name in {*around, *asked}]
    prompts = [request.prompt(domain, shown, extra, k) for k in range(request.number)]

    def draw(model: MedSegFactory, prompt: Prompt, seed: int) -> PairBatch:
        image, mask = whole.image[np.newaxis], whole.mask[np.newaxis]
        return model.fill([prompt], [seed], image, mask, region[np.newaxis])

    return Wish(prompts, [prompt.seed for prompt in prompts], draw)


def shown_in(mask: Masks, origin: str, request: Request, domain: Domain) -> list[str]:
    """The classes that a mask shows.

    Raises:
        InputError: if the domain or the finding does not know one.
    """
    check_indices(mask, origin, domain)
    shown = [domain.classes[index - 1] for index in np.unique(mask[mask > 0])]
    if extra := [name for name in shown if name not in domain.shown(request.finding)]:
        usual = ", ".join(domain.shown(request.finding)) or "no class"
        raise InputError(
            f"the mask shows {', '.join(extra)}, and an image with finding {request.finding!r} shows "
            f"{usual}: choose another finding, or erase that class"
        )
    return shown


def short(origin: str) -> str:
    """Where a pair comes from, with the first 8 digits of a digest, as the page names pairs."""
    return " ".join(word[:8] if len(word) == DIGITS else word for word in origin.split())


def digest_of(*arrays: NDArray[np.generic]) -> str:
    """16 hex digits of the sizes and values of arrays."""
    known = hashlib.sha256()
    for array in arrays:
        known.update(repr(array.shape).encode() + array.tobytes())
    return known.hexdigest()[:16]


def _place(region: Region) -> str:
    """Where a region lies, in words: "rows 8 to 15, columns 3 to 9, 40 pixels"."""
    rows, columns = np.nonzero(region)
    return (
        f"rows {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}, "
        f"{len(rows)} pixels"
    )


def _refuse_unwarped(library: MaskLibrary, prompt: Prompt, seed: int) -> None:
    (mask,) = library.warped([prompt], [seed])
    if np.array_equal(mask, library.mask_of(prompt).pixels):
        raise InputError(
            "one of the masks comes out as it is within these limits, and it is of a real patient: "
            "widen the limits of the warp, or take the masks of a recipe with show_real"
        )
