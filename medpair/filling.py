"""A region of a pair, drawn anew in memory; nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import Images, Masks
from flows.asking.asked_pairs import spec_named
from flows.asking.request import Request
from flows.asking.wishes import WholePair, filled
from medpair.asking import asked_of, check_side, drawn
from medpair.data_set import DataSet


def fill(
    checkpoint: Path | str,
    image: Images,
    mask: Masks,
    region: NDArray[np.bool_],
    number: int = 1,
    seed: int = 0,
    *,
    domain: str = "",
    finding: str = "",
    classes: Sequence[str] | None = None,
    text: str = "",
    steps: int = Request.steps,
    guidance: float = Request.guidance,
) -> DataSet:
    """Pairs that are a given one outside of a region, to the bit, and drawn anew within it.

        >>> import medpair, numpy as np
        >>> us = {"domain": "phantom-breast-us", "finding": "benign"}
        >>> (image,), (mask,) = (pairs := medpair.generate("packaged:phantoms", 1, **us)).images, pairs.masks
        >>> region = np.zeros((64, 64), bool)
        >>> region[16:48, 16:48] = True
        >>> made = medpair.fill("packaged:phantoms", image, mask, region, steps=2, **us)
        >>> bool((made.images[0][~region] == image[~region]).all())
        True

    Args:
        checkpoint: the folder of a trained model of image and mask, or "packaged:phantoms".
        image: (S, S, C) uint8, or (S, S) of a grey one, of the size that the model makes.
        mask: (S, S) class indices.
        region: (S, S), True where image and mask are drawn anew.
        number: of pairs; each has other pixels within the region.
        seed: root of their seeds.
        domain: one of the model's; it may be left out where there is one alone.
        finding: of the pairs; "" for none.
        classes: that may appear within the region; None for those of the finding.
        text: free text, "" for none.
        steps: of the solver; each noise level is drawn twice.
        guidance: 1 follows the prompt unamplified.

    Raises:
        InputError: if a picture has another size than the model's, nothing is marked, or the model
            cannot be asked for this.
    """
    request = asked_of(checkpoint, number, seed, domain, finding, text, steps, guidance)
    section = spec_named(request.checkpoint, {})[1]
    for picture, name in ((image, "image"), (mask, "mask"), (region, "region")):
        check_side(picture, name, section)
    request = replace(request, classes=None if classes is None else tuple(classes))
    whole = WholePair(
        _with_channels(np.asarray(image), section), np.asarray(mask), "given in Python"
    )
    return drawn(request, lambda known: filled(request, known, whole, np.asarray(region, bool)))


def _with_channels(image: Images, section: ImageSection) -> Images:
    shown = image if image.ndim == 3 else image[..., np.newaxis]
    if shown.shape[-1] not in (1, section.channels) or shown.dtype != np.uint8:
        raise InputError(
            f"image has shape {image.shape} and type {image.dtype}, and the model makes uint8 of "
            f"{section.channels} channels: convert it"
        )
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], section.channels)))
