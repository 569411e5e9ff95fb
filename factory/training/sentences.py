"""What a small text encoder learns from: the vocabulary's prompts, each with the facets it tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from factory.prompts.prompt import texts
from factory.vocabulary import Domain, load_vocabulary


@dataclass(frozen=True)
class Sentence:
    """A prompt, and every facet it tells as "facet=value"; the empty prompt tells none."""

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
        domains: what there is to tell, by name.
        subsets: most class sets of one domain and finding; where there are more, the empty one,
            the singles, the whole and the finding's own stay, and others are drawn.
        seed: of that draw.
    """
    draw = np.random.default_rng(seed)
    told = [
        sentence
        for domain in domains.values()
        for finding in ("", *domain.findings)
        for classes in _class_sets(domain, finding, subsets, draw)
        for sentence in _both(domain, finding, classes)
    ]
    return list(dict.fromkeys([Sentence("", frozenset()), *told]))


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
