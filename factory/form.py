"""What a form that is made of a recipe's JSON schema shows: kinds to choose, and what keys mean."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BaseModel, Field

ATTRIBUTES = "Attributes:\n"
ENTRY = re.compile(r"^    (\w+): (.+(?:\n {6,}.+)*)", re.MULTILINE)


def any_of(kinds: Iterable[type[BaseModel]]) -> Any:  # noqa: ANN401  # a type hint made at run time
    """The type hint of a section that is one of these, told apart by its kind."""
    return Annotated[reduce(or_, kinds), Field(discriminator="kind", json_schema_extra=_choices)]


def kinds_in_words(kinds: Mapping[str, type[BaseModel]]) -> str:
    """Each kind with the first line of its docstring: "folder (a folder with a …), nnunet (…)"."""
    return ", ".join(f"{name} ({_first_line(section)})" for name, section in kinds.items())


def explained(schema: dict[str, Any], section: type[BaseModel]) -> None:
    """Names a section's schema by its kind, and describes each key as the docstring does.

    In the form of pydantic's `json_schema_extra`; a key with a description keeps it.
    """
    schema["title"] = section.model_fields["kind"].default
    schema["description"] = _docstring(section).partition(ATTRIBUTES)[0].strip()
    meanings = _meanings(section)
    for key, field in section.model_fields.items():
        shown = schema["properties"][field.alias or key]
        if key in meanings:
            shown.setdefault("description", meanings[key])


def _choices(schema: dict[str, Any]) -> None:
    # Prefect's form offers the alternatives of anyOf, and of oneOf an empty box for JSON.
    schema.pop("discriminator", None)
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")


def _meanings(section: type[BaseModel]) -> dict[str, str]:
    listed = [_docstring(base).partition(ATTRIBUTES)[2] for base in reversed(section.__mro__)]
    return {key: " ".join(text.split()) for part in listed for key, text in ENTRY.findall(part)}


def _first_line(section: type[BaseModel]) -> str:
    return _docstring(section).splitlines()[0].removeprefix("Recipe section of ").rstrip(".")


def _docstring(of: type) -> str:
    return inspect.cleandoc(of.__doc__ or "")
