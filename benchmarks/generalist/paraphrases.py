"""Other ways to ask for a finding: forms that no caption in training has, made of known words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from factory.prompts.captions.wording import Phrases, load_wording, pick
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain

Cell = tuple[Domain, str, int]  # a finding of a domain, and the number of its repeat

LEARNT: Phrases = ("{modality} of the {anatomy} with {finding}",)
HELD_OUT: Phrases = (
    "please show {finding} in this {modality} study of one {anatomy}",
    "a typical {modality} scan where the {anatomy} has {finding}",
    "this examination of the {anatomy} by {modality} demonstrates {finding}",
    "it is a case of {finding}, see the {anatomy} in this {modality}",
)


def free_texts(cells: Sequence[Cell], forms: Phrases) -> list[Prompt]:
    """Free texts of these forms, their names said in any of the known ways."""
    wording, prompts = load_wording(), list[Prompt]()
    for domain, finding, i in cells:
        draw = np.random.default_rng([i, len(prompts)])
        text = pick(forms, draw).format(
            modality=wording.phrase("modality", domain.modality, draw),
            anatomy=wording.phrase("anatomy", domain.anatomy, draw),
            finding=wording.phrase("finding", finding, draw),
        )
        prompts.append(Prompt.about(domain, (), text=text, replicate=i))
    return prompts
