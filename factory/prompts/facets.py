"""The cells of a prompt grid: which combinations of facets the domains can show."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from factory.errors import InputError
from factory.prompts.caption_retrieval import RetrieveSection
from factory.prompts.mask_settings import MasksSection
from factory.prompts.place import PLACE
from factory.vocabulary import Domain, plain, unknown_name

Value = StrictStr | StrictInt | StrictFloat | tuple[StrictStr, ...]

SUBJECT_FACETS = ("domain", "modality", "anatomy", "finding", "classes")
FACETS = (*SUBJECT_FACETS, "text")
ALL = "all"  # as a finding: each one of its domain
# What a retrieving grid keeps of a prompt's text: the training image that it is the caption of, and
# the text that was asked for. Neither conditions a generator.
RETRIEVED, RETRIEVED_FOR = "retrieved", "retrieved_for"
# What a grid with masks keeps of a prompt's mask: the training pair that it is of, how far it may be
# warped, and a digest of all that the warp follows from but the seed. Likewise no condition.
MASK_FROM, MASK_WARP, MASK_DIGEST = "mask_from", "mask_warp", "mask_digest"
# What is kept of a pair in which a region was drawn anew: the pair that it was, where the region lies,
# and a digest of both. Likewise no condition.
FILL_OF, FILL_REGION, FILL_DIGEST = "fill_of", "fill_region", "fill_digest"
FILLED = (FILL_OF, FILL_REGION, FILL_DIGEST)
ORIGINS = (RETRIEVED, RETRIEVED_FOR, MASK_FROM, MASK_WARP, MASK_DIGEST, *FILLED, *PLACE)
# Columns that a table of pairs already has; an extra facet of this name would overwrite one.
TAKEN = (
    *("prompt", "seed", "labels", "replicate", "root", "title", "empty", "name", "split"),
    *("patient", "window_low", "window_high", "status", "reason"),
    *("row", "finite", *ORIGINS),
)
COHERENT = 6.0  # slices
# Each is gone through before a run begins: more take minutes and gigabytes.
MOST_CELLS = 10**6


class MoreSection(BaseModel):
    """Further pairs of some of a grid's combinations.

    Attributes:
        facets: facet -> value; all combinations that show these are meant, for {} all there are.
        replicates: further pairs of each of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facets: dict[str, Value] = {}
    replicates: int = Field(ge=1)


class GridSection(BaseModel):
    """What a recipe asks for: every combination of the facets, so many times.

    Attributes:
        facets: facet -> its values. Known facets are domain, modality, anatomy, finding, classes
            (each value one class, several as "a;b" or as a list, or "" for none) and text; any
            other name is an extra facet and conditions the generator as it is. The finding "all"
            stands for every finding of each domain, and for none where it has none.
        exclude: facets of the combinations to leave out; a list means any of its values.
        replicates: pairs per combination.
        more: further pairs of some combinations, which come after the others of their combination.
        seed: root of all seeds of this grid.
        retrieve: takes the free text of every prompt from the captions of the training split; None
            tells the facet text as it is.
        masks: gives every prompt the mask of a training pair, warped; None has the generator draw
            image and mask together.
        unit: what one prompt asks for: a pair, or a volume, whose slices are pairs.
        coherence: of volumes: slices over which starting noise becomes another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facets: dict[str, tuple[Value, ...]] = {}
    exclude: tuple[dict[str, Value | tuple[Value, ...]], ...] = ()
    replicates: int = Field(default=1, ge=1)
    # Left out of a dump where it is not used: what was made before it was there keeps its record.
    more: tuple[MoreSection, ...] = Field(default=(), exclude_if=lambda entries: not entries)
    seed: int = Field(default=0, ge=0, lt=2**64)
    retrieve: RetrieveSection | None = None
    masks: MasksSection | None = Field(default=None, exclude_if=lambda section: section is None)
    unit: Literal["pair", "volume"] = Field(default="pair", exclude_if=lambda unit: unit == "pair")
    coherence: float = Field(default=COHERENT, gt=0, exclude_if=lambda slices: slices == COHERENT)

    @model_validator(mode="after")
    def _volumes_have_masks(self) -> Self:
        if self.unit == "volume" and self.masks is None:
            raise InputError(
                "grid.unit: volume makes volumes around mask volumes of training patients, and no "
                "masks are given: add grid.masks: {from: train}, or say unit: pair"
            )
        return self


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
    axes = {name: _axis(name, values) for name, values in section.facets.items()}
    rules = [_rule(rule, axes, domains) for rule in section.exclude]
    _known_values(axes, domains)
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
    axes = {name: _axis(name, values) for name, values in section.facets.items()}
    keys = [_key_of(*cells.at(number), domains) for number in range(len(cells))]
    found = np.full(len(keys), section.replicates)
    for more in section.more:
        rule = _rule(more.facets, axes, domains, "more") if more.facets else {}
        meant = np.array([_covers(rule, key) for key in keys])
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


Key = Mapping[str, object]  # facet -> value as the axis holds it
Rule = Mapping[str, frozenset[object]]  # facet -> values that are excluded together


def _axis(name: str, values: Sequence[Value]) -> tuple[object, ...]:
    _facet_name(name)
    if not values:
        raise InputError(f"facet {name!r} is empty: the grid would have no pairs; give it a value")
    canonical = tuple(_canonical(name, value) for value in values)
    most, times = Counter(canonical).most_common(1)[0]
    if times > 1:
        raise InputError(
            f"facet {name!r} repeats {_say(most)!r}: its pairs would be made twice; "
            "use replicates for more pairs per combination"
        )
    if name == "finding" and ALL in canonical and len(canonical) > 1:
        raise InputError(
            f"facet 'finding' names {ALL!r} beside others, which it holds already: their pairs "
            "would be made twice; leave the others out"
        )
    return canonical


def _facet_name(name: str) -> None:
    if name in FACETS:
        return
    if name in TAKEN or not name:
        raise InputError(f"facet {name!r} is the name of a column that pairs already have")
    # A near miss of a known facet would silently condition the generator as an extra one.
    if get_close_matches(name.casefold(), FACETS, n=1, cutoff=0.8):
        raise unknown_name("facet", name, FACETS, "the grid")


def _canonical(name: str, value: Value) -> object:
    if name == "classes":
        parts = value.split(";") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            raise InputError(f"facet 'classes' holds {value!r}: write class names")
        return frozenset(part.strip() for part in parts if part.strip())
    if isinstance(value, tuple):
        raise InputError(f"facet {name!r} holds a list, {list(value)}: write its values one by one")
    return plain(str(value)) if name in ("modality", "anatomy") else str(value)


def _rule(
    rule: Mapping[str, Value | tuple[Value, ...]],
    axes: Mapping[str, tuple[object, ...]],
    domains: Mapping[str, Domain],
    key: str = "exclude",
) -> Rule:
    varied = {"domain": tuple(domains), **axes}
    if varied.get("finding") == (ALL,):
        varied["finding"] = tuple({name: None for d in domains.values() for name in d.findings})
    canonical: dict[str, frozenset[object]] = {}
    if not rule:
        raise InputError("an entry of exclude is empty: it would exclude everything")
    for name, given in rule.items():
        if name not in varied:
            raise unknown_name("facet", name, varied, key)
        values = given if isinstance(given, tuple) else (given,)
        canonical[name] = frozenset(_canonical(name, value) for value in values)
        if missing := canonical[name] - set(varied[name]):
            raise unknown_name(name, min(map(_say, missing)), map(_say, varied[name]), "the facets")
    return canonical


def _say(value: object) -> str:
    return ";".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _known_values(axes: Mapping[str, tuple[object, ...]], domains: Mapping[str, Domain]) -> None:
    known: dict[str, Callable[[Domain], Iterable[str]]] = {
        "domain": lambda domain: [domain.name],
        "modality": lambda domain: [plain(domain.modality)],
        "anatomy": lambda domain: [plain(domain.anatomy)],
        "finding": lambda domain: ["", ALL, *domain.findings],
        "classes": lambda domain: domain.classes,
    }
    for name, names in known.items():
        spelled = dict.fromkeys(n for domain in domains.values() for n in names(domain))
        kind = "class" if name == "classes" else name
        for value in axes.get(name, ()):
            for part in sorted(value) if isinstance(value, frozenset) else [str(value)]:
                if part not in spelled:
                    raise unknown_name(kind, part, [n for n in spelled if n], "the grid's domains")


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
            if any(_covers(rule, key) for rule in rules):
                unfit[values], excluded = False, True
            elif (subject := _subject(domain, key)) is not None:
                unfit[values] = False
                kept.append((subject, key))
        if "domain" in axes and len(kept) == before and not excluded:
            raise InputError(f"domain {domain.name!r} can show none of the other facets' values")
    for values, left in unfit.items():
        if left:
            said = ", ".join(f"{n} {_say(v)!r}" for n, v in zip(names, values, strict=True) if v)
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


def _covers(rule: Rule, key: Key) -> bool:
    return all(name in key and key[name] in values for name, values in rule.items())


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
        chosen = [[i for i, key in enumerate(keys) if _covers(subject, key)]]
        for name, values in axes:
            excluded = rule.get(name)
            chosen.append(
                [i for i, value in enumerate(values) if excluded is None or value in excluded]
            )
        mask[np.ix_(*chosen)] = True
    return np.flatnonzero(mask).astype(np.int64)
