"""The cells of a prompt grid: which combinations of facets the domains can show."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.prompts.facets import (
    ALL,
    FACETS,
    SUBJECT_FACETS,
    Key,
    Rule,
    axis_of,
    check_values,
    covers,
    rule_of,
    written,
)
from factory.prompts.section import GridSection
from factory.vocabulary import Domain, plain

# Each is gone through before a run begins: more take minutes and gigabytes.
MOST_CELLS = 10**6


@dataclass(frozen=True)
class Subject:
    """One combination of the facets that the vocabulary knows, as the domain spells it."""

    domain: str
    finding: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Cells:
    """The product subjects x texts x extra facets, in this order, the last one fastest.

    Attributes:
        extra: (facet, values), sorted by facet.
        dropped: ascending numbers of the cells that are excluded.
    """

    subjects: tuple[Subject, ...]
    texts: tuple[str, ...]
    extra: tuple[tuple[str, tuple[str, ...]], ...]
    dropped: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each axis."""
        return (len(self.subjects), len(self.texts), *(len(values) for _, values in self.extra))

    def __len__(self) -> int:
        return math.prod(self.shape) - len(self.dropped)

    def at(self, number: int) -> tuple[Subject, str, tuple[tuple[str, str], ...]]:
        """Subject, text and extra facets of the kept cell of this number."""
        # dropped[j] - j kept cells lie before the j-th dropped one: it never falls.
        before = self.dropped - np.arange(len(self.dropped))
        cell = number + int(np.searchsorted(before, number, side="right"))
        subject, text, *rest = (int(index) for index in np.unravel_index(cell, self.shape))
        extra = [(name, values[i]) for (name, values), i in zip(self.extra, rest, strict=True)]
        return self.subjects[subject], self.texts[text], tuple(extra)


def resolve(section: GridSection, domains: Mapping[str, Domain]) -> Cells:
    """The cells of a grid over these domains.

    Raises:
        InputError: naming the facet or value that is empty, repeated or unknown, the combination
            that no domain can show, or that nothing is left.
    """
    axes = {name: axis_of(name, values) for name, values in section.facets.items()}
    rules = [rule_of(rule, axes, domains) for rule in section.exclude]
    check_values(axes, domains)
    chosen = [domains[str(name)] for name in axes.get("domain", tuple(domains))]
    keys = _subjects(axes, chosen, rules)
    extra = tuple(sorted((k, tuple(map(str, v))) for k, v in axes.items() if k not in FACETS))
    texts = tuple(str(value) for value in axes.get("text", ("",)))
    subjects = tuple(subject for subject, _ in keys)
    shape = (len(subjects), len(texts), *(len(values) for _, values in extra))
    if math.prod(shape) > MOST_CELLS:
        raise InputError(
            f"the grid has {math.prod(shape):,} combinations of facets; more than {MOST_CELLS:,} "
            "cannot be planned: drop a facet, and use replicates for more pairs per combination"
        )
    dropped = _dropped([key for _, key in keys], texts, extra, rules)
    if math.prod(shape) == len(dropped):
        raise InputError("exclude leaves no combination of the facets: nothing would be made")
    return _lean(Cells(subjects, texts, extra, dropped))


def replicates_of(
    cells: Cells, section: GridSection, domains: Mapping[str, Domain]
) -> NDArray[np.int64]:
    """(N,) how many pairs each of the kept cells is asked for; (1,) where it is the same for all.

    Raises:
        InputError: naming an entry of `more` with an unknown facet or value, or that no cell shows.
    """
    if not section.more:
        return np.array([section.replicates])
    axes = {name: axis_of(name, values) for name, values in section.facets.items()}
    keys = [_key_of(*cells.at(number), domains) for number in range(len(cells))]
    found = np.full(len(keys), section.replicates)
    for more in section.more:
        rule = rule_of(more.facets, axes, domains, "more") if more.facets else {}
        meant = np.array([covers(rule, key) for key in keys])
        if not meant.any():
            said = ", ".join(f"{name} {value!r}" for name, value in more.facets.items())
            raise InputError(
                f"more asks for further pairs of {said}, which no combination of the grid shows: "
                "leave that entry out, or add what it names to the facets"
            )
        found[meant] += more.replicates
    return found


def _key_of(
    subject: Subject, text: str, extra: Sequence[tuple[str, str]], domains: Mapping[str, Domain]
) -> Key:
    domain = domains[subject.domain]
    return {
        "domain": subject.domain,
        "modality": plain(domain.modality),
        "anatomy": plain(domain.anatomy),
        "finding": subject.finding,
        "classes": frozenset(subject.classes),
        "text": text,
        **dict(extra),
    }


def _lean(cells: Cells) -> Cells:
    """The same cells without values that are excluded throughout: equal cells are equal."""
    if not len(cells.dropped):
        return cells
    kept = np.ones(cells.shape, bool)
    kept.flat[cells.dropped] = False
    axes = range(kept.ndim)
    used = [np.flatnonzero(kept.any(tuple(a for a in axes if a != axis))) for axis in axes]
    extra = zip(cells.extra, used[2:], strict=True)
    return Cells(
        tuple(cells.subjects[i] for i in used[0]),
        tuple(cells.texts[i] for i in used[1]),
        tuple((name, tuple(values[i] for i in rows)) for (name, values), rows in extra),
        np.flatnonzero(~kept[np.ix_(*used)]).astype(np.int64),
    )


def _subjects(
    axes: Mapping[str, tuple[object, ...]], domains: Sequence[Domain], rules: Sequence[Rule]
) -> list[tuple[Subject, Key]]:
    # None stands for a facet that is not given; "" for finding is a value like any other.
    free = {"finding": ("",)}
    names = SUBJECT_FACETS[1:]
    product = [axes.get(name, free.get(name, (None,))) for name in names]
    unfit = dict.fromkeys(itertools.product(*product), True)
    kept: list[tuple[Subject, Key]] = []
    for domain in domains:
        before = len(kept)
        excluded = False
        for values, key in _keys(domain, names, unfit):
            if any(covers(rule, key) for rule in rules):
                unfit[values], excluded = False, True
            elif (subject := _subject(domain, key)) is not None:
                unfit[values] = False
                kept.append((subject, key))
        if "domain" in axes and len(kept) == before and not excluded:
            raise InputError(f"domain {domain.name!r} can show none of the other facets' values")
    for values, left in unfit.items():
        if left:
            said = ", ".join(f"{n} {written(v)!r}" for n, v in zip(names, values, strict=True) if v)
            raise InputError(f"no domain of the grid can show {said} together; exclude it")
    return kept


def _keys(
    domain: Domain, names: Sequence[str], product: Iterable[tuple[object, ...]]
) -> Iterator[tuple[tuple[object, ...], Key]]:
    for values in product:
        key: Key = {"domain": domain.name, **dict(zip(names, values, strict=True))}
        every = key["finding"] == ALL
        for finding in (domain.findings or ("",)) if every else (key["finding"],):
            yield values, {**key, "finding": finding}


def _subject(domain: Domain, key: Key) -> Subject | None:
    finding, classes = str(key["finding"]), key["classes"]
    if key["modality"] not in (None, plain(domain.modality)):
        return None
    if key["anatomy"] not in (None, plain(domain.anatomy)):
        return None
    if finding and finding not in domain.findings:
        return None
    shown = domain.shown(finding)
    if classes is None:
        return Subject(domain.name, finding, shown)
    if not isinstance(classes, frozenset) or not classes <= set(shown):
        return None
    return Subject(domain.name, finding, tuple(name for name in domain.classes if name in classes))


def _dropped(
    keys: Sequence[Key],
    texts: Sequence[str],
    extra: Sequence[tuple[str, tuple[str, ...]]],
    rules: Sequence[Rule],
) -> NDArray[np.int64]:
    axes = [("text", tuple(texts)), *extra]
    partial = [rule for rule in rules if not rule.keys() <= set(SUBJECT_FACETS)]
    if not partial:
        return np.empty(0, np.int64)
    mask = np.zeros((len(keys), *(len(values) for _, values in axes)), bool)
    for rule in partial:
        subject = {name: values for name, values in rule.items() if name in SUBJECT_FACETS}
        chosen = [[i for i, key in enumerate(keys) if covers(subject, key)]]
        for name, values in axes:
            excluded = rule.get(name)
            chosen.append(
                [i for i, value in enumerate(values) if excluded is None or value in excluded]
            )
        mask[np.ix_(*chosen)] = True
    return np.flatnonzero(mask).astype(np.int64)
