"""What is wrong with a recipe, a line for each mistake, in the words of the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from factory.errors import is_wrong_kind, wanted
from factory.vocabulary import unknown_name
from flows.planning.renamed_keys import name_now

Model = type[BaseModel]
Words = tuple[str, ...]
MOST_LINES = 50  # more are one mistake made often; words alike are looked for in each
LONGEST = 60  # characters of a value in a line
NUMBERS = {"a whole number": 8, "a number": 0.5}  # where no default is typical


@dataclass(frozen=True)
class Place:
    """Where a mistake stands.

    Attributes:
        words: of the dotted key.
        holding: the sections that could hold its last word.
        field: the innermost key that a section declares, with its own words; None for none.
    """

    words: Words
    holding: Sequence[Model]
    field: tuple[Words, FieldInfo] | None

    @property
    def key(self) -> str:
        """As in `--set`."""
        return ".".join(self.words)


def lines(errors: Iterable[ErrorDetails], root: Model) -> list[str]:
    """One line for each mistake; a value that fits no branch of a union is one mistake.

    Args:
        errors: of pydantic.
        root: the model that was validated.

    Returns:
        `MOST_LINES` at most, and one that counts the others.
    """
    placed: dict[Words, tuple[Place, list[ErrorDetails]]] = {}
    for error in errors:
        place = _place(error["loc"], root)
        placed.setdefault(place.words, (place, []))[1].append(error)
    mistakes = [each for each in placed.values() if not _follows(*each, placed)]
    found = [_line(place, group) for place, group in islice(mistakes, MOST_LINES)]
    more = len(mistakes) - len(found)
    return [*found, *([f"and {more} more mistakes in it"] if more else [])]


def _follows(place: Place, group: Sequence[ErrorDetails], placed: Mapping[Words, object]) -> bool:
    """Whether a list is called too short since its entries are refused, each in its own line."""
    if any(error["type"] != "too_short" for error in group):
        return False
    depth = len(place.words)
    return any(len(other) > depth and other[:depth] == place.words for other in placed)


def _line(place: Place, group: Sequence[ErrorDetails]) -> str:
    """What arrived and what to do, in one line that begins with the key.

    Args:
        place: of the mistake.
        group: one error, or that of every branch of a union.
    """
    # Who wrote a number meant the branch of numbers, and what holds there is to be told.
    meant = [error for error in group if not is_wrong_kind(error)] or group
    return _key_fault(place, meant[-1]) or _value_fault(place, meant)


def _key_fault(place: Place, error: ErrorDetails) -> str:
    """What is wrong with which keys there are; "" where it is a value."""
    key, words = place.key, place.words
    match error["type"]:
        case "extra_forbidden":
            known = [f.alias or name for section in place.holding for name, f in _fields(section)]
            if (now := name_now(words[0], words[-1])) in known:
                return f"key {key!r} is called {now!r} now; rename it"
            return str(unknown_name("key", words[-1], known, ".".join(words[:-1]) or "the recipe"))
        case "missing" if isinstance(number := error["loc"][-1], int):
            given = f"{'.'.join(words[:-1])} is {_shown(error['input'])}"
            return f"{given}: entry {number + 1} is missing; add it"
        case "missing":
            return f"key {key!r} is missing and has no default; add it"
        case "union_tag_invalid" if error["input"]["kind"] is not None:
            kinds = error["ctx"]["expected_tags"].replace("'", "").split(", ")
            return str(unknown_name("kind", str(error["ctx"]["tag"]), kinds, key))
        case "union_tag_invalid" | "union_tag_not_found":
            return f"key '{key}.kind' is missing: nothing else says which {key} it is; add it"
    return ""


def _value_fault(place: Place, meant: Sequence[ErrorDetails]) -> str:
    """What arrived, what it should be, and how that is written."""
    error, key = meant[-1], place.key
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"
    if error["type"] == "literal_error" and len(meant) == 1 and isinstance(error["input"], str):
        known = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return str(unknown_name("value", error["input"], known, key))
    asked = " or ".join(dict.fromkeys(map(wanted, meant)))
    return f"{key} is {_shown(error['input'])}: it should be {asked}{_example(place, error)}"


def _shown(value: object) -> str:
    """A value as a recipe writes it, cut."""
    if value is None or isinstance(value, bool):
        return "empty" if value is None else str(value).lower()
    return text if len(text := repr(value)) <= LONGEST else text[: LONGEST - 3] + "..."


def _example(place: Place, error: ErrorDetails) -> str:
    """How a key is written that got the wrong kind of value: ", as in …"; "" where that is plain."""
    kind, given = wanted(error), error["input"]
    if not is_wrong_kind(error) or error["type"] == "literal_error":
        return ""
    if kind == "a list" and isinstance(given, str | int | float):
        return f", as in {_yaml([given])}"
    if place.field and place.field[1].examples:
        return f", as in {'.'.join(place.field[0])}: {_yaml(place.field[1].examples[0])}"
    if kind == "keys with values":
        return _keys(place, given)
    usual = place.field[1].default if place.field and place.field[0] == place.words else None
    typical = usual if type(usual) in (int, float) else NUMBERS.get(kind)
    return "" if kind not in NUMBERS else f", as in {_yaml(typical)}"


def _keys(place: Place, given: object) -> str:
    """An example of a section: its kind, or the first key that has a plain default."""
    sections = _below(place.holding, place.words[-1])
    if kinds := [kind for section in sections if (kind := _kind(section)) is not None]:
        return f", as in {place.key}: {_yaml({'kind': given if given in kinds else kinds[0]})}"
    plain = (
        {key: field.default}
        for section in sections
        for key, field in _fields(section)
        if type(field.default) in (int, float, str)
    )
    first = next(plain, {"key": "value"})
    return f", as in {place.key}: {_yaml(first)}"


def _yaml(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()


def _place(loc: Sequence[int | str], root: Model) -> Place:
    """Where an error lies.

    Pydantic puts the kinds of sections between the keys, and types of values after an index.
    """
    words: list[str] = []
    holding: list[Model] = []
    inside: list[Model] = [root]
    field: tuple[Words, FieldInfo] | None = None
    for part in loc:
        if chosen := [section for section in inside if _kind(section) == part]:
            inside = chosen
            continue
        words.append(str(part))
        if isinstance(part, int):
            if inside:  # an entry that is a section itself
                continue
            break
        holding = inside
        # What is no key of these is the reader's own name of an entry, as in source.parts.NAME.
        if declared := [f for section in inside for key, f in _fields(section) if key == part]:
            field = tuple(words), declared[0]
            inside = _below(inside, part)
    return Place(tuple(words), holding, field)


def _below(sections: Iterable[Model], key: str) -> list[Model]:
    """The sections that may stand under a key."""
    annotations = [f.annotation for section in sections for k, f in _fields(section) if k == key]
    return [found for annotation in annotations for found in models_of(annotation)]


def models_of(annotation: object) -> list[Model]:
    """Every model that a type hint names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in models_of(part)]


def _fields(section: Model) -> list[tuple[str, FieldInfo]]:
    return [(field.alias or name, field) for name, field in section.model_fields.items()]


def _kind(section: Model) -> object:
    return section.model_fields["kind"].default if "kind" in section.model_fields else None
