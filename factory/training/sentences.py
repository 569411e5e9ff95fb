"""What a small text encoder learns from: prompts and captions, each with the facets it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from factory.prompts.captions.caption import TRAINING_RATES, Caption, caption
from factory.prompts.captions.facts import CaptionFacts
from factory.prompts.captions.wording import Kind, Wording, load_wording, words
from factory.prompts.prompt import texts
from factory.vocabulary import Domain, load_vocabulary

DRAWS = 24  # captions of one domain and finding, each with other structures
SIDES = ("left", "right", "both")
MOST_TAUGHT = 256  # words of free texts that the encoder must keep apart, the commonest


@dataclass(frozen=True)
class Sentence:
    """A prompt, and every facet it names as "facet=value"; the empty prompt names none."""

    text: str
    labels: frozenset[str]


def with_vocabulary(domains: Mapping[str, Domain]) -> dict[str, Domain]:
    """These domains and all of the vocabulary's.

    What a small text encoder learns, so that a model trained on one domain can be fine-tuned on
    another without new words.
    """
    return {**load_vocabulary().domains, **domains}


def corpus(domains: Mapping[str, Domain], subsets: int = 32, seed: int = 0) -> list[Sentence]:
    """Both prompts of every domain, finding and class set, and the empty prompt first.

    Args:
        domains: what there is to name.
        subsets: most class sets of one domain and finding; where there are more, the empty one,
            the singles, the whole and the finding's own stay, and others are drawn.
        seed: of that draw.
    """
    draw = np.random.default_rng(seed)
    sentences = [
        sentence
        for domain in domains.values()
        for finding in ("", *domain.findings)
        for classes in _class_sets(domain, finding, subsets, draw)
        for sentence in _both(domain, finding, classes)
    ]
    return list(dict.fromkeys([Sentence("", frozenset()), *sentences]))


def _both(domain: Domain, finding: str, classes: tuple[str, ...]) -> Iterator[Sentence]:
    shared = {f"domain={domain.name}", *(f"class={name}" for name in classes)}
    shared |= {f"finding={finding}"} if finding else set()
    image, mask = texts(domain, classes, finding)
    yield Sentence(image, frozenset(shared | {"stream=image"}))
    yield Sentence(mask, frozenset(shared | {"stream=mask"}))


def _class_sets(
    domain: Domain, finding: str, count: int, draw: np.random.Generator
) -> list[tuple[str, ...]]:
    names = domain.classes
    if 2 ** len(names) <= count:
        return [some for size in range(len(names) + 1) for some in combinations(names, size)]
    certain = [(), names, domain.findings.get(finding, names), *((name,) for name in names)]
    while len(certain) < count:
        picked = draw.random(len(names)) < 0.5
        certain.append(tuple(name for name, here in zip(names, picked, strict=True) if here))
    return certain


def caption_corpus(
    domains: Mapping[str, Domain], learnt: Sequence[CaptionFacts] = (), seed: int = 0
) -> list[Sentence]:
    """Captions of everything the domains can show, of a training set, and every phrase alone.

    Args:
        domains: what there is to name.
        learnt: facts of the training images, for the words of their free texts.
        seed: of the draws.

    Returns:
        Distinct sentences, the empty one first; each word of the wording stands in one of them.
    """
    wording, draw = load_wording(), np.random.default_rng(seed)
    sentences = [
        *(Sentence(said.text, said.facts) for said in _domain_captions(domains, draw)),
        *_phrases(domains, wording),
        *_free_texts(learnt),
    ]
    return list(dict.fromkeys([Sentence("", frozenset()), *sentences]))


def _domain_captions(domains: Mapping[str, Domain], draw: np.random.Generator) -> Iterator[Caption]:
    for domain in domains.values():
        for finding in ("", *domain.findings):
            for _ in range(DRAWS):
                yield caption(_some_facts(domain, finding, draw), draw, TRAINING_RATES)


def _some_facts(domain: Domain, finding: str, draw: np.random.Generator) -> CaptionFacts:
    """CaptionFacts of one finding with random structures among those it may show."""
    may = domain.shown(finding)
    shown = [name for name in may if finding or draw.random() < 0.5]
    names = list(domain.classes)
    side = ("", *SIDES)[int(draw.integers(4))]
    enlarged = [name for name in shown if draw.random() < 0.1]
    return CaptionFacts(
        domain.title,
        domain.modality,
        domain.anatomy,
        finding,
        side if finding else "",
        tuple(shown),
        tuple(name for name in names if name not in shown),
        tuple(enlarged),
        frozenset(names),
    )


def _phrases(domains: Mapping[str, Domain], wording: Wording) -> Iterator[Sentence]:
    """Every phrase alone, with the one facet it names; and the plain words, which name none."""
    for relation, kind, name in _names(domains):
        for phrase in wording.phrases(kind, name):
            yield Sentence(phrase, frozenset({f"{relation}={name}"}))
    for word in (*wording.plain, *wording.openings):
        yield Sentence(word, frozenset())


def _names(domains: Mapping[str, Domain]) -> Iterator[tuple[str, Kind, str]]:
    """What a name says when it stands alone, what kind of name it is, and the name."""
    for domain in domains.values():
        yield "modality", "modality", domain.modality
        yield "anatomy", "anatomy", domain.anatomy
        yield from (("finding", "finding", name) for name in domain.findings)
        yield from (("present", "class", name) for name in domain.classes)
    yield from (("side", "side", side) for side in SIDES)


def _free_texts(learnt: Sequence[CaptionFacts]) -> Iterator[Sentence]:
    """Free texts of the training images; the words that several share are the facets they name."""
    texts = sorted({facts.text for facts in learnt if facts.text})
    counts = Counter(word for text in texts for word in words(text))
    plain = frozenset(load_wording().plain)
    shared = [word for word, n in counts.most_common() if n > 1 and word not in plain]
    taught = frozenset(shared[:MOST_TAUGHT])
    for text in texts:
        yield Sentence(text, frozenset(f"word={w}" for w in words(text) if w in taught))
