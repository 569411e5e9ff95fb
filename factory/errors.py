"""Errors that are told in one line: a user's mistake, and damage to what lies at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# What pydantic calls a refusal, up to its ending, in the words of someone who writes YAML.
WRONG_KIND = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "path": "a path",
    "tuple": "a list",
    "list": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "keys with values",
    "mapping": "keys with values",
    "model": "keys with values",
    "model_attributes": "keys with values",
}
KIND_ENDINGS = ("_type", "_parsing_size", "_parsing", "_from_float")
WRONG_VALUE = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "a text of {min_length} or more characters",
    "string_too_long": "a text of at most {max_length} characters",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "missing": "a value",
    "none_required": "nothing",
}


class InputError(ValueError):
    """What the user gave cannot be used: one line saying what arrived, why it matters, what to do."""


class DamagedError(RuntimeError):
    """What was written cannot be read any more: one line saying what, what is lost, what to do."""


def wanted(error: ErrorDetails) -> str:
    """What a value should be that pydantic refuses: "a whole number", "at least 1"."""
    kind = error["type"]
    told = {name: str(each).removesuffix(".0") for name, each in error.get("ctx", {}).items()}
    for ending in KIND_ENDINGS:
        if (named := kind.removesuffix(ending)) != kind and named in WRONG_KIND:
            return WRONG_KIND[named]
    if kind in WRONG_VALUE:
        return WRONG_VALUE[kind].format_map(told)
    return error["msg"].removeprefix("Input should be ")


def refusal(error: ErrorDetails) -> str:
    """Why pydantic refuses a value: in the words of a check of ours, else what it should be."""
    own = error.get("ctx", {}).get("error")
    return f"it should be {wanted(error)}" if own is None else str(own)


def is_wrong_kind(error: ErrorDetails) -> bool:
    """Whether pydantic refuses what the value is, not how large or long it is."""
    return error["type"] == "literal_error" or error["type"].endswith(KIND_ENDINGS)


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of what a library says, cut; the error's class where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:most]


class WithdrawnWarning(UserWarning):
    """A version is used that was withdrawn, or of which nobody can tell."""
