"""What is wrong with a recipe, a line for each mistake, in the words of the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from factory.vocabulary import unknown_name
from flows.planning.renamed_keys import name_now

Model = type[BaseModel]
MOST_LINES = 50  # more are one mistake made often; words alike are looked for in each


def lines(errors: Iterable[ErrorDetails], root: Model) -> list[str]:
    """One line for each mistake; a value that fits no branch of a union is one mistake.

    Args:
        errors: of pydantic.
        root: the model that was validated.

    Returns:
        `MOST_LINES` at most, and one that counts the others.
    """
    placed = {_place(error["loc"], root)[0]: error for error in errors}
    found = [_line(error, root) for error in islice(placed.values(), MOST_LINES)]
    more = len(placed) - len(found)
    return [*found, *([f"and {more} more mistakes in it"] if more else [])]


def _line(error: ErrorDetails, root: Model) -> str:
    """What arrived and what to do, in one line that begins with the key."""
    words, sections = _place(error["loc"], root)
    key = ".".join(words)
    match error["type"]:
        case "extra_forbidden":
            known = [f.alias or name for section in sections for name, f in _fields(section)]
            if (now := name_now(words[0], words[-1])) in known:
                return f"key {key!r} is called {now!r} now; rename it"
            return str(unknown_name("key", words[-1], known, ".".join(words[:-1]) or "the recipe"))
        case "missing":
            return f"key {key!r} is missing and has no default; add it"
        case "union_tag_invalid":
            kinds = error["ctx"]["expected_tags"].replace("'", "").split(", ")
            return str(unknown_name("kind", str(error["ctx"]["tag"]), kinds, key))
        case "union_tag_not_found":
            return f"key '{key}.kind' is missing: nothing else says which {key} it is; add it"
        case "value_error":
            return f"{key}: {error['ctx']['error']}"
        case _:
            value = repr(error["input"])
            shown = value if len(value) <= 60 else value[:57] + "..."
            return f"{key} is {shown}: {error['msg']}"


def _place(loc: Sequence[int | str], root: Model) -> tuple[tuple[str, ...], list[Model]]:
    """The words of the dotted key, and the sections that could hold its last word.

    Pydantic puts the kinds of sections between the keys, and types of values after an index.
    """
    words: list[str] = []
    holding: list[Model] = []
    inside: list[Model] = [root]
    for part in loc:
        if chosen := [section for section in inside if _kind(section) == part]:
            inside = chosen
            continue
        words.append(str(part))
        if isinstance(part, int):
            break
        holding = inside
        # What is no key of these is the reader's own name of an entry, as in source.parts.NAME.
        if any(key == part for section in inside for key, _ in _fields(section)):
            inside = _below(inside, part)
    return tuple(words), holding


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
