"""Images for a mask that is given, in memory; nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from factory.errors import InputError
from factory.pairs import Masks
from factory.prompts.masks.section import MasksSection
from flows.asking.asked_pairs import spec_named
from flows.asking.request import Request
from flows.asking.wishes import library_of, painted, warped
from medpair.asking import asked_of, check_side, drawn
from medpair.data_set import DataSet

ORIGIN = "given in Python"


def paint(
    checkpoint: Path | str,
    mask: Masks,
    number: int = 1,
    seed: int = 0,
    *,
    warp: Mapping[str, float] | None = None,
    domain: str = "",
    finding: str = "",
    text: str = "",
    steps: int = Request.steps,
    guidance: float = Request.guidance,
) -> DataSet:
    """Pairs whose mask is given, as it is or warped by each pair's seed, with an image made for it.

        >>> import medpair, numpy as np
        >>> mask = np.zeros((64, 64), np.uint8)
        >>> mask[20:36, 24:44] = 1
        >>> us = {"domain": "phantom-breast-us", "finding": "benign", "steps": 2}
        >>> bool((medpair.paint("packaged:phantoms", mask, **us).masks[0] == mask).all())
        True
        >>> warped = medpair.paint("packaged:phantoms", mask, 2, warp={"rotate": 20}, **us)
        >>> bool((warped.masks[0] == warped.masks[1]).all())
        False

    Args:
        checkpoint: the folder of a trained model of image and mask, or "packaged:phantoms".
        mask: (S, S) class indices, of the size that the model makes.
        number: of pairs.
        seed: root of their seeds.
        warp: limits by the keys of a recipe's `grid.masks`, {} for the usual ones; None keeps the
            mask to the pixel. Warps keep about the place and size of the mask; where none within
            the limits does, it stays as it is.
        domain: one of the model's; it may be left out where there is one alone.
        finding: of the pairs; "" for none.
        text: free text, "" for none.
        steps: of the solver.
        guidance: 1 follows the prompt unamplified.

    Raises:
        InputError: if the mask has another size than the model's, or shows what the domain or the
            finding does not.
    """
    request = asked_of(checkpoint, number, seed, domain, finding, text, steps, guidance)
    given = np.asarray(mask)
    check_side(given, "mask", spec_named(request.checkpoint, {})[1])
    if warp is None:
        return drawn(request, lambda known: painted(request, known, given, ORIGIN))
    limits = _limits(warp)
    return drawn(
        request,
        lambda known: warped(
            request, known, library_of(given, ORIGIN, request, known, limits), may_show=True
        ),
    )


def _limits(warp: Mapping[str, float]) -> MasksSection:
    try:
        return MasksSection.model_validate(dict(warp))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"warp.{where}={first['input']!r} cannot be used: {first['msg']}"
        ) from error
