"""What `paint` and `fill` do alike: a request of a checkpoint, and the pairs that it is answered with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.vocabulary import Domain
from flows.asking.asked_pairs import generator_named
from flows.asking.request import Request
from flows.asking.wishes import Wish
from flows.studio.models import domains_of
from medpair.data_set import DataSet


def asked_of(
    checkpoint: Path | str,
    number: int,
    seed: int,
    domain: str,
    finding: str,
    text: str,
    steps: int,
    guidance: float,
) -> Request:
    """The request, about the only domain of a checkpoint where none is named.

    Raises:
        InputError: if the checkpoint knows several, or not this one.
    """
    known = domains_of(str(checkpoint))
    if not domain and len(known) == 1:
        (domain,) = known
    if domain not in known:
        raise InputError(
            f"domain={domain!r}, and the checkpoint knows {', '.join(known)}: name one of these"
        )
    request = Request(str(checkpoint), domain, finding, None, text, number, seed, steps, guidance)
    _ = request.section  # where number or seed cannot be, it says so
    return request


def check_side(picture: NDArray[np.generic], name: str, section: ImageSection) -> None:
    """Whether a picture has the size of the model's.

    Raises:
        InputError: if it has not.
    """
    if np.shape(picture)[:2] != (section.size, section.size):
        raise InputError(
            f"{name} has shape {np.shape(picture)}, and the model makes {section.size} x "
            f"{section.size} pixels: scale it first"
        )


def drawn(request: Request, wish: Callable[[Domain], Wish]) -> DataSet:
    """The pairs of a wish, one by one, as the studio draws them."""
    domain = domains_of(request.checkpoint)[request.domain]
    asked = wish(domain)
    model = generator_named(request.checkpoint, request.sample)
    pairs = PairBatch.concatenate(
        [asked.draw(model, p, s) for p, s in zip(asked.prompts, asked.seeds, strict=True)]
    )
    return DataSet(request.checkpoint, {domain.name: domain.label_map}, len(pairs), lambda: pairs)
