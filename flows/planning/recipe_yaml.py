"""YAML as recipes are written in it: values as typed, each key once, nothing that swells."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import yaml

MOST_CHARACTERS, MOST_DEPTH, MOST_VALUES = 2**20, 50, 20_000
MOST_ALIASES = 20
"""Nested in each other, so many make a file a thousandfold larger at most, twice as many a millionfold."""

WORDS = {"true": True, "false": False, ".inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}


def load_yaml(text: str) -> Any:  # noqa: ANN401  # whatever the text says
    """What a text says in YAML.

    Raises:
        yaml.YAMLError: where it is none, is too long or too deep, or repeats a key.
    """
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(
            f"it has {len(text)} characters, and no recipe needs {MOST_CHARACTERS}"
        )
    return yaml.load(text, _Loader)


class _Loader(yaml.SafeLoader):
    """The plain loader silently keeps the last of equal keys, and takes 010 for 8 and no for false."""

    depth = aliases = values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.aliases += self.check_event(yaml.AliasEvent)
        self.depth += 1
        self.values += 1
        if self.values > MOST_VALUES:
            raise yaml.YAMLError(
                f"it has more than {MOST_VALUES} keys and values, which none needs"
            )
        if self.aliases > MOST_ALIASES or self.depth > MOST_DEPTH:
            raise yaml.YAMLError(
                f"it has more than {MOST_ALIASES} aliases (*name) or {MOST_DEPTH} brackets within "
                "each other, by which a file can swell without bound; write it out"
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_scalar(  # PyYAML's
        self, node: yaml.ScalarNode | yaml.MappingNode
    ) -> Any:  # noqa: ANN401
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise yaml.YAMLError(f"{text[:60]!a} holds half a character, which is no text")
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        typed = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        mapping = super().construct_mapping(node, deep)
        times = Counter(self.construct_object(key, deep=True) for key in typed)
        for key, count in times.items():
            if count > 1:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"key {key!r} stands twice in the mapping at line {line}")
        return mapping


def _as_typed(loader: _Loader, node: yaml.Node) -> object:
    """A number or truth value that is spelt as Python spells it, else the text itself.

    Where a recipe wants a number, the text is taken for one: 1e-3, 0.50 and 010 as ten.
    """
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.YAMLError(
            f"line {node.start_mark.line + 1} has a list or keys behind {node.tag}"
        )
    for spelt in (int, float):
        try:
            value = spelt(node.value)
        except ValueError:
            continue
        if str(value) == node.value:
            return value
    return WORDS.get(node.value.lower(), node.value)


for kind in ("int", "float", "bool", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{kind}", _as_typed)
