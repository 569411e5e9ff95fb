"""A prompt at which a generator fails costs its own pair, not the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from factory.errors import InputError
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.store.checks import Reason, names

Generate = Callable[[Sequence[Prompt], Sequence[int]], PairBatch]
Shape = tuple[int, ...]  # (H, W, C) of an image

FAILED = names(Reason.GENERATOR_FAILED)[0]
log = logging.getLogger(__name__)


def pairs_or_blanks(
    generate: Generate, prompts: Sequence[Prompt], seeds: Sequence[int], shape: Shape
) -> PairBatch:
    """The pairs of some prompts; where the generator raises, a black image that says so.

    Such prompts are found by halving: a pair follows from its prompt and seed alone, so that all
    others are what they would have been.

    Args:
        generate: makes pairs.
        prompts: N of them.
        seeds: one for each.
        shape: of an image.

    Raises:
        InputError: of the generator: a user's mistake, not a prompt's.
        Exception: of the generator, if it raises at every one of several prompts: it is at fault.
    """
    parts = list(_halved(generate, prompts, seeds))
    failures = [part for part in parts if isinstance(part, Exception)]
    if len(failures) == len(prompts) > 1:
        raise failures[0]
    for failure in failures:
        log.warning("a prompt is left out: %s: %s", type(failure).__name__, failure)
    made = [_blank(shape) if isinstance(part, Exception) else part for part in parts]
    return PairBatch.concatenate([_telling(part) for part in made] if failures else made)


def sparing(generate: Generate, dangerous: Collection[str]) -> Generate:
    """The same, raising at prompts of these digests, which would end the process."""

    def spared(prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        if any(prompt.digest in dangerous for prompt in prompts):
            raise RuntimeError("the worker ends at this prompt")
        return generate(prompts, seeds)

    return spared if dangerous else generate


def _halved(
    generate: Generate, prompts: Sequence[Prompt], seeds: Sequence[int]
) -> Iterator[PairBatch | Exception]:
    """Batches in order, and what was raised in place of a single pair."""
    try:
        yield generate(prompts, seeds)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a model or its library raises
        if len(prompts) == 1:
            yield error
            return
        half = len(prompts) // 2
        for part in (slice(half), slice(half, None)):
            yield from _halved(generate, prompts[part], seeds[part])


def _blank(shape: Shape) -> PairBatch:
    image, mask = np.zeros((1, *shape), np.uint8), np.zeros((1, *shape[:2]), np.uint8)
    spacing = np.full((1, 2), np.nan, np.float32)
    return PairBatch(image, mask, pd.DataFrame({"doubts": [FAILED]}), spacing, np.zeros(1, bool))


def _telling(pairs: PairBatch) -> PairBatch:
    """The same with the two facets in which a generator speaks against its own pairs."""
    known = pairs.facets.columns
    own: dict[str, str | bool] = {"doubts": "", "finite": True}
    missing = {name: value for name, value in own.items() if name not in known}
    return replace(pairs, facets=pairs.facets.assign(**missing)[list(own)])
