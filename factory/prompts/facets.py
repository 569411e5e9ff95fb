"""The facets of a prompt: their names, how their values are written, and rules about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches

from factory.errors import InputError
from factory.prompts.origins import ORIGINS
from factory.prompts.section import Value
from factory.vocabulary import Domain, plain, unknown_name

SUBJECT_FACETS = ("domain", "modality", "anatomy", "finding", "classes")
FACETS = (*SUBJECT_FACETS, "text")
ALL = "all"  # as a finding: each one of its domain
# Columns that a table of pairs already has; an extra facet of this name would overwrite one.
TAKEN = (
    *("prompt", "seed", "labels", "replicate", "root", "title", "empty", "name", "split"),
    *("patient", "window_low", "window_high", "status", "reason"),
    *("row", "finite", *ORIGINS),
)

Key = Mapping[str, object]  # facet -> value as the axis holds it
Rule = Mapping[str, frozenset[object]]  # facet -> values that are excluded together


def axis_of(name: str, values: Sequence[Value]) -> tuple[object, ...]:
    """The values of a facet, written in one way: classes as a set, all others as text.

    Raises:
        InputError: if the name is a near miss or a column's, or a value is missing, repeated or no value.
    """
    _facet_name(name)
    if not values:
        raise InputError(f"facet {name!r} is empty: the grid would have no pairs; give it a value")
    canonical = tuple(_canonical(name, value) for value in values)
    most, times = Counter(canonical).most_common(1)[0]
    if times > 1:
        raise InputError(
            f"facet {name!r} repeats {written(most)!r}: its pairs would be made twice; "
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


def rule_of(
    rule: Mapping[str, Value | tuple[Value, ...]],
    axes: Mapping[str, tuple[object, ...]],
    domains: Mapping[str, Domain],
    key: str = "exclude",
) -> Rule:
    """What a rule names, written as the axes hold it.

    Args:
        rule: facet -> value, or several of which any is meant.
        axes: facet -> its values, as `axis_of` writes them.
        domains: of the grid.
        key: of the recipe, for messages.

    Raises:
        InputError: if it is empty, or names a facet or a value that the grid does not have.
    """
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
            raise unknown_name(
                name, min(map(written, missing)), map(written, varied[name]), "the facets"
            )
    return canonical


def written(value: object) -> str:
    """A value of a facet as a recipe writes it."""
    return ";".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def check_values(axes: Mapping[str, tuple[object, ...]], domains: Mapping[str, Domain]) -> None:
    """Refuses values that none of the domains knows.

    Raises:
        InputError: naming the value, beside the nearest that is known.
    """
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


def covers(rule: Rule, key: Key) -> bool:
    """Whether a cell shows all that a rule names."""
    return all(name in key and key[name] in values for name, values in rule.items())
