"""How captions may say things: templates, and other words for what the vocabulary names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["modality", "anatomy", "finding", "class", "side"]
Phrases = tuple[str, ...]
WORD = re.compile(r"[^\W\d_]+")


class Wording(BaseModel):
    """Templates by what they say, and the phrases of each name.

    Attributes:
        openings: words before a caption; "" for none.
        heads: what the image is, of {modality} and {anatomy}.
        findings: a {head} with a {finding}.
        present: that {names} can be seen.
        absent: that they cannot.
        enlarged: that they are larger than usual.
        sides: on which {side} a {finding} is.
        others: any other {facet} with its {value}.
        words: kind of name -> name of the vocabulary -> phrases that mean it, its own included.
        plain: words that say nothing of an image.
        together: name -> classes that it means when all of them are there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    openings: Phrases = Field(min_length=1)
    heads: Phrases = Field(min_length=1)
    findings: Phrases = Field(min_length=1)
    present: Phrases = Field(min_length=1)
    absent: Phrases = Field(min_length=1)
    enlarged: Phrases = Field(min_length=1)
    sides: Phrases = Field(min_length=1)
    others: Phrases = Field(min_length=1)
    words: Mapping[Kind, Mapping[str, Phrases]]
    plain: Phrases
    together: Mapping[str, Phrases] = {}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all of it: other wording, other captions."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def phrases(self, kind: Kind, name: str) -> Phrases:
        """Everything that means a name; a name without an entry means itself."""
        return self.words.get(kind, {}).get(name, (name,))

    def phrase(self, kind: Kind, name: str, draw: np.random.Generator) -> str:
        """One of the phrases that mean a name."""
        return pick(self.phrases(kind, name), draw)


def pick(options: Sequence[str], draw: np.random.Generator) -> str:
    """One of some options, each as likely."""
    return options[int(draw.integers(len(options)))]


@cache
def load_wording() -> Wording:
    """The wording that comes with the package."""
    text = Path(__file__).with_name("captions.yaml").read_text(encoding="utf-8")
    return Wording.model_validate(yaml.safe_load(text))


def words(text: str) -> list[str]:
    """The distinct words of a text, lower case, without digits and marks."""
    return list(dict.fromkeys(WORD.findall(text.lower())))
