"""What a folder does not say: told by options, asked on a terminal, or filled by a safe default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from factory.errors import InputError
from factory.layouts.guesses import guess_anatomy, guess_modality
from factory.layouts.layout import Found
from factory.sources.files.colours import WRITTEN, written_value
from factory.sources.label_map import parse_value
from factory.vocabulary import BACKGROUND

JOIN, CLASSES = "join", "classes"

# Question and default -> answer.
Ask = Callable[[str, str], str]


@dataclass(frozen=True)
class Given:
    """What options told; "" is what they did not.

    Attributes:
        modality: free words.
        anatomy: free words.
        classes: names in the order of the values, or "1=liver, 2=spleen", "#ff0000=liver".
        several: what several masks of an image are: "classes", "join", or the one to take.
    """

    modality: str = ""
    anatomy: str = ""
    classes: str = ""
    several: str = ""


@dataclass(frozen=True)
class Answer:
    """A word and where it comes from."""

    text: str
    origin: str


def unasked(question: str, default: str) -> str:
    """The answer where nobody can be asked."""
    return default


def several_masks(found: Found, given: Given, ask: Ask) -> str:
    """What several masks of an image are: CLASSES, JOIN, or the structure that is taken.

    Raises:
        InputError: if it is none of these.
    """
    if not found.structures:
        return JOIN
    names = ", ".join(found.structures)
    question = (
        f"An image has several masks: {names}. Are they classes, parts to join, or is one meant "
        f"(classes, join, or a name)?"
    )
    answer = given.several or ask(question, found.meant or CLASSES)
    if answer not in (CLASSES, JOIN, *found.structures):
        raise InputError(f"several masks: {answer!r} is none of {CLASSES}, {JOIN}, {names}")
    return answer


def facets(name: str, found: Found, given: Given, ask: Ask) -> dict[str, Answer]:
    """Modality and anatomy.

    Args:
        name: of the data set's folder.
        found: what it holds.
        given: options.
        ask: the terminal.
    """
    guessed = {
        "modality": (given.modality, found.modality, guess_modality(name)),
        "anatomy": (given.anatomy, found.anatomy, guess_anatomy(name)),
    }
    return {facet: _facet(facet, *known, ask) for facet, known in guessed.items()}


def _facet(facet: str, option: str, told: str, guess: str, ask: Ask) -> Answer:
    if option:
        return Answer(option, f"--{facet}")
    if told:
        return Answer(told, "told by the data set")
    answer = " ".join(ask(f"{facet.capitalize()} (free words)", guess).split())
    if answer != guess:
        return Answer(answer, "your answer")
    if guess:
        return Answer(guess, f"guessed from the folder's name; --{facet} corrects it")
    return Answer("", f"unknown; --{facet} names it")


def class_names(
    values: Sequence[int], told: Mapping[int, str], given: Given, ask: Ask
) -> tuple[dict[int, str], str]:
    """A name for every value, and where the names come from.

    Args:
        values: ascending, 0 left out.
        told: names that the data set tells.
        given: options.
        ask: the terminal.

    Raises:
        InputError: if options name too few values, more names than there are, or a name twice.
    """
    if given.classes:
        return _checked(_parsed(given.classes, values)), "--classes"
    if told:
        return dict(told), "told by the data set"
    texts = {value: written_value(value) for value in values}
    names = {
        v: "structure" if len(values) == 1 else f"structure {text}" for v, text in texts.items()
    }
    asked = {
        value: ask(f"Class of the pixels {texts[value]} in the masks", name)
        for value, name in names.items()
    }
    origin = "made up; --classes names them" if asked == names else "your answer"
    return _checked({value: _clean(name) for value, name in asked.items()}), origin


def _parsed(text: str, values: Sequence[int]) -> dict[int, str]:
    parts = [part.strip() for part in re.split(r"[,;]", text) if part.strip()]
    if all(re.fullmatch(rf"(\d+|{WRITTEN.pattern})\s*=.+", part) for part in parts):
        pairs = [part.split("=", 1) for part in parts]
        names = {parse_value(value.strip()): name.strip() for value, name in pairs}
    else:  # in the order of the values, so that one too many would give the others wrong names
        names = dict(zip(values, parts, strict=True)) if len(parts) == len(values) else {}
    if set(values) - set(names):
        seen = ", ".join(map(written_value, values))
        raise InputError(
            f"--classes {text!r} names {len(parts)} classes, and the masks hold the values {seen}: "
            "name each, as in --classes 'liver, spleen' or --classes '1=liver, 2=spleen'"
        )
    return names


def _clean(name: str) -> str:
    return " ".join(re.sub(r"[;,]", " ", name).split())


def _checked(names: dict[int, str]) -> dict[int, str]:
    texts = list(names.values())
    if len(set(texts)) < len(texts) or BACKGROUND in texts or "" in texts:
        raise InputError(
            f"classes {', '.join(map(repr, texts))}: each needs a name of its own, other than "
            f"{BACKGROUND}"
        )
    return names
