"""Texts read clause by clause, so that a word's state tells of that word alone."""

from __future__ import annotations

import re

from torch import Tensor

from factory.models.text import TextEncoder

CLAUSE = re.compile(r"[^,.;:]+")


class ClauseEncoder(TextEncoder):
    """A text encoder that reads every clause on its own.

    A transformer hands what one word says to all that follow it, and to the padding behind them: a
    network told "right lung, heart" can look at the padding to paint both, and at "heart" to paint
    the lung. Here a clause's tokens never hear of other clauses, and whatever is no word is as in
    the empty text. Tokens keep their places, so states line up with those of the whole text.

    Source: noun phrases are encoded apart in Feng et al. 2023, arXiv 2212.05032; padding that is as
    in the empty text is ours.
    """

    def _encode(self, text: str) -> Tensor:
        self.tokens([text])  # refuses what is too long
        states = super()._encode("").clone()
        spans = self.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        for clause in CLAUSE.finditer(text):
            start, stop = clause.span()
            places = [i for i, (a, b) in enumerate(spans) if start <= a < b <= stop]
            # The first state is that of the beginning.
            states[places] = super()._encode(clause[0])[1 : 1 + len(places)]
        return states


def by_clause(text: TextEncoder) -> ClauseEncoder:
    """The same encoder, reading every clause on its own."""
    known = None if text.known is None else sorted(text.known)
    return ClauseEncoder(text.tokenizer, text.model, known)
