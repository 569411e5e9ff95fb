"""Where the words of a class stand among the tokens of a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from factory.errors import InputError


@dataclass(frozen=True)
class _Match:
    """One place in the text, characters [start, stop), where a spelling of `group` stands."""

    group: int
    start: int
    stop: int

    def inside(self, other: _Match) -> bool:
        """Whether a longer spelling of another class covers this one."""
        longer = other.stop - other.start > self.stop - self.start
        return longer and other.start <= self.start and self.stop <= other.stop


def token_weights(
    tokenizer: CLIPTokenizer, text: str, groups: Sequence[Sequence[str]], length: int
) -> Tensor:
    """How much each token of one prompt counts for each class.

    All word pieces of all places where a class is named count alike. The longest name wins: in
    "liver, liver tumor" the second "liver" belongs to the tumor alone.

    Args:
        tokenizer: the text encoder's.
        text: the prompt.
        groups: spellings of each of K classes: its word and synonyms, in any case. No spellings:
            the prompt does not ask for the class, and its weights are 0.
        length: tokens that the text encoder reads, both ends and padding included.

    Returns:
        (K, length) float32; a row sums to 1, or to 0 for a class without spellings.

    Raises:
        InputError: if no spelling of a class stands in the prompt, or only beyond `length`.
    """
    spans = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    # A prompt that is too long loses its tail but for the token that ends every text.
    readable = len(spans) if len(spans) <= length else length - 1
    matches = _matches(text, groups)
    weights = torch.zeros(len(groups), length)
    for group, spellings in enumerate(groups):
        places = _places([m for m in matches if m.group == group], spans)
        if spellings:
            _check(places, spellings, text, readable)
        kept = [place for place in places if place < readable]
        weights[group, kept] = 1 / max(1, len(kept))
    return weights


def check_mentioned(text: str, groups: Sequence[Sequence[str]]) -> None:
    """Whether a text names every class.

    Raises:
        InputError: naming the first class of which no spelling stands there.
    """
    found = {match.group for match in _matches(text, groups)}
    for group, spellings in enumerate(groups):
        if group not in found:
            raise _unmentioned(spellings, text)


def naming(text: str, groups: Sequence[Sequence[str]]) -> str:
    """A text that names every class: those it does not name come first, by their first spelling.

    First, because a text encoder reads no further than its length.
    """
    found = {match.group for match in _matches(text, groups)}
    missing = [spellings[0] for group, spellings in enumerate(groups) if group not in found]
    return f"{', '.join(missing)}. {text}" if missing else text


def _matches(text: str, groups: Sequence[Sequence[str]]) -> list[_Match]:
    found = [
        _Match(group, *hit.span())
        for group, spellings in enumerate(groups)
        for spelling in spellings
        for hit in re.finditer(_pattern(spelling), text, re.IGNORECASE)
    ]
    return [m for m in found if not any(m.inside(n) for n in found if n.group != m.group)]


def _pattern(spelling: str) -> str:
    words = spelling.split()
    if not words:
        raise InputError("a class word is empty: it stands nowhere in a prompt; give its name")
    return r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"


def _places(matches: Sequence[_Match], spans: Sequence[tuple[int, int]]) -> list[int]:
    """Tokens that share a character with a match; the ends of a text have none to share."""
    return [
        place
        for place, (start, stop) in enumerate(spans)
        if any(max(start, m.start) < min(stop, m.stop) for m in matches)
    ]


def _unmentioned(spellings: Sequence[str], text: str) -> InputError:
    named = " or ".join(repr(spelling) for spelling in spellings)
    return InputError(
        f"the class word {named} is not in the prompt {text[:60]!r}: attention to it cannot "
        "be read; name the class in the prompt, or give the word used there as a synonym"
    )


def _check(places: Sequence[int], spellings: Sequence[str], text: str, readable: int) -> None:
    named = " or ".join(repr(spelling) for spelling in spellings)
    if not places:
        raise _unmentioned(spellings, text)
    if places[0] >= readable:
        raise InputError(
            f"the class word {named} is token {places[0]} of the prompt {text[:40]!r}... and the "
            f"text encoder reads {readable}: it is truncated away; shorten the prompt before it"
        )
