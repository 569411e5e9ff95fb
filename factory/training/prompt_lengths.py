"""Whether a text encoder reads prompts and training texts to their ends, before it is trained."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from factory.errors import InputError
from factory.models.text import TextEncoder
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.training.latents import pair_texts
from factory.training.sentences import corpus, with_vocabulary
from factory.training.text import new_text_encoder
from factory.vocabulary import Domain

log = logging.getLogger(__name__)


def encoder_to_be(pretrained: Path | None, domains: Mapping[str, Domain], seed: int) -> TextEncoder:
    """The encoder that a model of pairs will read with, trained or not: its tokens are the same.

    Args:
        pretrained: checkpoint or folder of the encoder that is taken; None for one to be trained.
        domains: of the source, by name.
        seed: of the training.
    """
    if pretrained is not None:
        return TextEncoder.load(pretrained)
    return new_text_encoder([each.text for each in corpus(with_vocabulary(domains), seed=seed)])


def check_prompt_lengths(text: TextEncoder, prompts: Sequence[Prompt]) -> None:
    """Whether every prompt is read whole.

    Raises:
        InputError: naming the first that is not.
    """
    lines = dict.fromkeys(line for each in prompts for line in (each.image_text, each.mask_text))
    if long := [line for line in lines if text.is_too_long(line)]:
        raise InputError(
            f"{len(long)} prompts are longer than the {text.length} tokens that the text encoder "
            f"reads, the first {long[0][:60]!r}...: the rest would be ignored; shorten their free text"
        )


def tell_long_rows(text: TextEncoder, train: PairBatch, domains: Mapping[str, Domain]) -> None:
    """Warns of training pairs whose text is cut, with their number and the first names."""
    lines = pair_texts(train, domains)
    long = {line for line in set(chain.from_iterable(lines)) if text.is_too_long(line)}
    names = train.facets["name"].astype(str)
    cut = [name for name, both in zip(names, lines, strict=True) if long.intersection(both)]
    if cut:
        log.warning(
            "the texts of %d of %d training pairs (%s%s) are longer than the %d tokens that the text "
            "encoder reads; their ends are not learnt: shorten the column text to what matters",
            len(cut),
            len(train),
            ", ".join(cut[:3]),
            ", ..." if len(cut) > 3 else "",
            text.length,
        )
