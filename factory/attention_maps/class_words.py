"""Which words of a prompt attention is read of, and whether they stand in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from factory.attention_maps.settings import StructureSection
from factory.attention_maps.token_weights import check_mentioned
from factory.prompts.captions.wording import load_wording
from factory.prompts.prompt import Prompt

Structures = Mapping[str, StructureSection]


def map_names(classes: Collection[str], structures: Structures) -> tuple[str, ...]:
    """The names of the maps that show these classes.

    Two halves of a pair share a map, that of the pair's word, if both are asked for; a half that
    is asked for alone has its own.

    Args:
        classes: that a prompt asks for.
        structures: of `RefinementSection`.
    """
    pairs = {
        name: structure.sides
        for name, structure in structures.items()
        if structure.sides and set(structure.sides) <= set(classes)
    }
    halves = {half: name for name, sides in pairs.items() for half in sides}
    return tuple(dict.fromkeys(halves.get(name, name) for name in classes))


def spellings(name: str) -> tuple[str, ...]:
    """Every way in which captions say a name."""
    return load_wording().phrases("class", name)


def check_named(prompts: Iterable[Prompt], structures: Structures) -> None:
    """Whether free texts that are whole captions name all classes asked for.

    Captions that are composed always do, and where a retrieved text does not, words are added.

    Raises:
        InputError: naming the word and the text.
    """
    for prompt in prompts:
        if prompt.text and not prompt.finding and not prompt.retrieved:
            check_mentioned(prompt.text, _groups(prompt, structures))


def _groups(prompt: Prompt, structures: Structures) -> Sequence[Sequence[str]]:
    return [spellings(name) for name in map_names(prompt.classes, structures)]
