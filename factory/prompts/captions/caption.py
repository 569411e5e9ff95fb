"""Captions: what an image shows, said in one of many ways.

A word that stands in every caption has no contrast, so a model cannot learn what it means: captions
say what varies between images, and now and then what does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from factory.errors import InputError
from factory.prompts.captions.facts import CaptionFacts
from factory.prompts.captions.wording import Kind, Wording, load_wording, pick, words

MOST_NAMES = 5  # structures named in one clause: more would fill what a text encoder reads


@dataclass(frozen=True)
class Rates:
    """How often a caption says a thing that it could say, each in [0, 1].

    Attributes:
        finding: and its side.
        varying: each structure whose presence varies, and each enlarged one.
        constant: each structure that every image of its kind shows.
        title: the domain's own words in place of modality and anatomy.
        text: free text after the rest.
        text_alone: free text in place of everything else.
        most: names in one clause.
        apart: whether every name has a clause of its own.
        together: how often several classes are named by the one word for all of them.
        absent: how often, of what would be said of a structure, it is said of one that is missing.
    """

    finding: float
    varying: float
    constant: float
    title: float
    text: float
    text_alone: float
    most: int = MOST_NAMES
    apart: bool = False
    together: float = 0
    absent: float = 1


TRAINING_RATES = Rates(finding=0.9, varying=0.6, constant=0.2, title=0.3, text=0.5, text_alone=0.25)
SAMPLING_RATES = Rates(finding=1, varying=1, constant=0, title=0.3, text=1, text_alone=0)
ATTENTION_RATES = replace(
    SAMPLING_RATES, constant=1, most=255
)  # attention is read of words that were said
# Attention is to tell one structure from another: each is named, in a clause of its own, and the
# finding, which implies some of them, mostly goes without saying.
TRAINING_CLAUSE_RATES = Rates(
    finding=0.2,
    varying=0.95,
    constant=0.95,
    title=0.3,
    text=0.25,
    text_alone=0,
    most=255,
    apart=True,
    together=0.5,
    absent=0.5,
)
ATTENTION_CLAUSE_RATES = replace(ATTENTION_RATES, apart=True, absent=0)


@dataclass(frozen=True)
class Caption:
    """A sentence, and every facet it says as "facet=value"."""

    text: str
    facts: frozenset[str]


def caption(
    facts: CaptionFacts,
    draw: np.random.Generator,
    rates: Rates = TRAINING_RATES,
    wording: Wording | None = None,
) -> Caption:
    """Says facts in words that a random generator draws.

    Args:
        facts: what there is to say.
        draw: decides what is said and how; the same draws, the same caption.
        rates: how often each kind of fact is said: as learnt from, or as asked for.
        wording: templates and phrases; None for those of the package.
    """
    # Asked for without a finding, free text is the caption; otherwise it is by chance.
    must = rates.text == 1 and not facts.finding
    if facts.text and (draw.random() < rates.text_alone or must):
        return Caption(facts.text, frozenset())
    return _Speaker(facts, draw, rates, wording or load_wording()).caption()


@dataclass(frozen=True)
class _Speaker:
    facts: CaptionFacts
    draw: np.random.Generator
    rates: Rates
    wording: Wording

    def caption(self) -> Caption:
        said = {f"modality={self.facts.modality}", f"anatomy={self.facts.anatomy}"}
        body = self._head()
        if self.facts.finding and self._says(self.rates.finding):
            body = pick(self.wording.findings, self.draw).format(head=body, finding=self._finding())
            said.add(f"finding={self.facts.finding}")
            said |= {f"side={self.facts.side}"} if self.facts.side else set()
        clauses = []
        for relation, names in (
            ("present", self.facts.present),
            ("absent", self.facts.absent),
            ("enlarged", self.facts.enlarged),
        ):
            share = self.rates.absent if relation == "absent" else 1
            if chosen := self._chosen(names, share):
                together = self._together(chosen) if relation == "present" else chosen
                groups = [[name] for name in together] if self.rates.apart else [together]
                clauses += [self._clause(relation, group) for group in groups]
                said |= {f"{relation}={name}" for name in chosen}
        clauses += [self._other(name, value) for name, value in self.facts.others if value]
        text = ", ".join([body, *clauses])
        if opening := pick(self.wording.openings, self.draw):
            text = f"{opening} {text}"
        # A set whose free text only repeats the finding must not be given it twice.
        fresh = self.facts.text and self.facts.text != self.facts.finding
        if fresh and self._says(self.rates.text):
            text = f"{text}. {self.facts.text}"
        return Caption(text, frozenset(said))

    def _says(self, rate: float) -> bool:
        return bool(self.draw.random() < rate)

    def _phrase(self, kind: Kind, name: str) -> str:
        return self.wording.phrase(kind, name, self.draw)

    def _head(self) -> str:
        if self._says(self.rates.title):
            return self.facts.title
        return pick(self.wording.heads, self.draw).format(
            modality=self._phrase("modality", self.facts.modality),
            anatomy=self._phrase("anatomy", self.facts.anatomy),
        )

    def _finding(self) -> str:
        finding = self._phrase("finding", self.facts.finding)
        if not self.facts.side:
            return finding
        side = self._phrase("side", self.facts.side)
        return pick(self.wording.sides, self.draw).format(finding=finding, side=side)

    def _chosen(self, names: Sequence[str], share: float) -> list[str]:
        """The structures that are named, in random order."""
        vary = self.facts.varying | set(self.facts.enlarged)
        rates = [self.rates.varying if name in vary else self.rates.constant for name in names]
        kept = [name for name, rate in zip(names, rates, strict=True) if self._says(share * rate)]
        return [kept[int(at)] for at in self.draw.permutation(len(kept))[: self.rates.most]]

    def _together(self, names: list[str]) -> list[str]:
        for one, many in self.wording.together.items():
            if set(many) <= set(names) and self._says(self.rates.together):
                names = [one, *(name for name in names if name not in many)]
        return names

    def _clause(self, relation: str, names: Sequence[str]) -> str:
        *first, last = [self._phrase("class", name) for name in names]
        joined = f"{', '.join(first)} and {last}" if first else last
        templates = {
            "present": self.wording.present,
            "absent": self.wording.absent,
            "enlarged": self.wording.enlarged,
        }
        return pick(templates[relation], self.draw).format(names=joined)

    def _other(self, facet: str, value: str) -> str:
        return pick(self.wording.others, self.draw).format(facet=facet, value=value)


def check_words(texts: Iterable[str], known: frozenset[str] | None) -> None:
    """Whether a text encoder knows all words of some free texts.

    Args:
        texts: as a user wrote them.
        known: words that it was trained on, lower case; None: it knows its language.

    Raises:
        InputError: naming every unknown word with the nearest known ones.
    """
    if known is None:
        return
    unknown = dict.fromkeys(w for text in texts for w in words(text) if w not in known)
    if unknown:
        raise InputError(
            f"the model never met {', '.join(_beside_nearest(word, known) for word in unknown)}: "
            "to it such words say nothing; use known ones, or train with a pretrained text encoder "
            "(a hub folder as generator.train.text.from)"
        )


def _beside_nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, sorted(known), n=2, cutoff=0.6)
    return f"{word!r} (nearest known: {', '.join(near)})" if near else repr(word)
