"""Recipes, overrides and prompts that are wrong: mutated, hand-made, made to swell."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from benchmarks.bad_inputs import hostile
from benchmarks.bad_inputs.case import Case, Place, dry_run
from benchmarks.bad_inputs.ground import RECIPE
from flows.planning.recipe import SHIPPED, shipped_recipes

FILE = "recipe.yaml"
FEW = {"train": 4, "val": 4, "test": 4}
LAUGHING = ("name", "source", "grid.facets", "gates", "evaluate.features", "generator.from")


def mutated_recipe(draw: random.Random, place: Place) -> Case:
    """A recipe that ships, made small, with one to three things changed."""
    name = draw.choice(("tiny", *small_recipes()))
    content = RECIPE if name == "tiny" else small_recipes()[name]
    lay_paths(place.folder)
    changed = hostile.mutated(draw, content, draw.randint(1, 3))
    (place.folder / FILE).write_text(_yaml(changed), encoding="utf-8", errors="surrogatepass")
    return Case(f"{name}, mutated", dry_run())


def garbled_recipe(draw: random.Random, place: Place) -> Case:
    """The text of a recipe with characters, lines or indents changed."""
    lines = _yaml(draw.choice([RECIPE, *small_recipes().values()])).splitlines()
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(lines))
        match draw.randrange(5):
            case 0:
                lines.insert(at, draw.choice(lines))
            case 1:
                lines[at] = draw.choice(("\t", " ", "- ", "? ", "!!int ", "&a ", "*a ")) + lines[at]
            case 2:
                lines[at] = lines[at].replace(
                    ":", draw.choice((":", "", ": !!float", ": |", ": >"))
                )
            case 3:
                lines[at] += draw.choice((" *x", " &x", " #", ": x", " %", " @", ' "', " \u2028"))
            case _:
                lines[at] = "".join(draw.sample(lines[at], len(lines[at])))
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if draw.random() < 0.3:
        content = hostile.flipped(draw, content)
    (place.folder / FILE).write_bytes(content)
    return Case("text of a recipe, garbled", dry_run())


def trap(draw: random.Random, place: Place) -> Case:
    """A hand-made trap in an otherwise good recipe."""
    what = draw.choice(list(TRAPS))
    key = draw.choice(("name", "grid.seed", "grid.replicates", "source.train", "image.size", "x"))
    text = TRAPS[what].replace("KEY", key.rpartition(".")[2])
    above = key.rpartition(".")[0]
    content = {name: each for name, each in RECIPE.items() if name not in (above, key)}
    if what in WHOLE:
        written = text
    elif above:
        beside = {n: v for n, v in RECIPE[above].items() if n != key.rpartition(".")[2]}
        inner = "".join(f"  {line}\n" for line in (_yaml(beside) + text).splitlines())
        written = f"{_yaml(content)}{above}:\n{inner}"
    else:
        written = _yaml(content) + text
    (place.folder / FILE).write_bytes(written.encode("utf-8", "surrogatepass"))
    return Case(f"{what} as {key}", dry_run(), bomb=what in BOMBS)


def laughs(draw: random.Random, place: Place) -> Case:
    """A billion laughs, as a whole section or a value."""
    key = draw.choice(LAUGHING)
    tree: Any = "LAUGHS"
    for word in reversed(key.split(".")):
        tree = {word: tree}
    text = _yaml({**RECIPE, **tree}).replace("LAUGHS", "*k8")
    (place.folder / FILE).write_text(f"{hostile.LAUGHS}\n{text}")
    return Case(f"a billion laughs as {key}", dry_run(), bomb=True)


def override(draw: random.Random, place: Place) -> Case:
    """A good recipe and a bad --set."""
    (place.folder / FILE).write_text(_yaml(RECIPE))
    lay_paths(place.folder)
    keys = [*_keys(RECIPE), "", ".", "a..b", "=", "grid", "generator.from", "evaluate.features"]
    key = draw.choice(keys) if draw.random() < 0.9 else hostile.text(draw)
    told = draw.choice([*TRAPS.values()]).replace("KEY: ", "") if draw.random() < 0.2 else None
    bad = told if told is not None else hostile.value(draw)
    written = bad if isinstance(bad, str) else _yaml(bad).strip().removesuffix("\n...")
    equals = "=" if draw.random() < 0.95 else ""
    return Case(f"--set {key}", dry_run(FILE, "--set", f"{key}{equals}{written}"))


def prompts(draw: random.Random, place: Place) -> Case:
    """Facets that no model can be told: free text, extra facets, exclusions, by the thousand."""
    model = {"kind": "medsegfactory", "from": "packaged:phantoms"}
    texts = [hostile.text(draw) for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.3:
        texts = [" ".join(["word"] * draw.choice((100, 50_000)))]
    facets: dict[str, Any] = {
        "finding": ["benign"],
        draw.choice(("text", "site", "classes")): texts,
    }
    grid: dict[str, Any] = {"facets": facets, "replicates": 1}
    match draw.randrange(5):
        case 0:
            facets.update({f"f{n}": ["a", "b"] for n in range(draw.choice((20, 70)))})
            grid["exclude"] = [{"f0": "a"}]
        case 1:
            grid["exclude"] = [{hostile.text(draw): hostile.value(draw)}]
        case 2:
            facets[hostile.text(draw)] = [hostile.value(draw)]
        case _:
            pass
    content = {**RECIPE, "grid": grid}
    if draw.random() < 0.15:  # which is loaded, and takes its time
        content |= {"generator": model, "image": {"size": 64, "channels": 3}}
    (place.folder / FILE).write_text(_yaml(content), encoding="utf-8", errors="surrogatepass")
    return Case("prompts", dry_run())


@cache
def small_recipes() -> Mapping[str, Any]:
    """The recipes that ship, by name, each of few images."""
    files = ((name, SHIPPED / f"{name}.yaml") for name in shipped_recipes())
    return {name: _small(yaml.safe_load(file.read_text())) for name, file in files}


def lay_paths(folder: Path) -> None:
    """What some bad paths name: a circle of links, a pipe and a folder."""
    (folder / hostile.LOOP).symlink_to(hostile.LOOP)
    os.mkfifo(folder / hostile.PIPE)
    (folder / hostile.DIRECTORY).mkdir()


def _small(content: dict[str, Any]) -> dict[str, Any]:
    source = content["source"]
    if source["kind"] == "phantom":
        domains = source.get("domains") or ["phantom-breast-us"]
        content["source"] = {**source, **FEW, "domains": domains[:1]}
    content["grid"]["replicates"] = 1
    return content


def _yaml(content: object) -> str:
    return str(yaml.safe_dump(content, sort_keys=False))


def _keys(content: Mapping[str, Any], above: Sequence[str] = ()) -> list[str]:
    found = []
    for name, each in content.items():
        found.append(".".join((*above, name)))
        if isinstance(each, dict):
            found.extend(_keys(each, (*above, name)))
    return found


TRAPS = {
    "nested lists": "KEY: " + "[" * 500 + "]" * 500,
    "nested maps": "KEY: " + "{a: " * 500 + "}" * 500,
    "nested very deep": "KEY: " + "[" * 100_000,
    "60 000 keys": "\n".join(f"k{n}: {n}" for n in range(60_000)),
    "20 000 values": "KEY: [" + ", ".join(["wrong"] * 20_000) + "]",
    "two megabytes": "KEY: " + "x" * 2**21,
    "aliases": "x: &x [a]\nKEY: [" + ", ".join(["*x"] * 5000) + "]",
    "itself": "KEY: &a [*a]",
    "unknown alias": "KEY: *nobody",
    "a date that is none": "KEY: 2020-13-45",
    "an hour that is none": "KEY: 2020-01-01T99:00:00",
    "a zone that is none": "KEY: 2020-01-01T10:00:00+99:99",
    "year 0": "KEY: 0000-01-01",
    "!!int abc": "KEY: !!int abc",
    "!!int of nothing": "KEY: !!int ''",
    "!!float abc": "KEY: !!float abc",
    "!!bool abc": "KEY: !!bool abc",
    "!!timestamp abc": "KEY: !!timestamp abc",
    "!!binary": "KEY: !!binary '%%%'",
    "!!set": "KEY: !!set {a, b}",
    "!!omap": "KEY: !!omap [a: 1]",
    "!!pairs": "KEY: !!pairs [x]",
    "!!merge": "<<: [1, 2]\nKEY: 1",
    "5 000 digits": "KEY: " + "9" * 5000,
    "10 000 hex digits": "KEY: 0x" + "f" * 10_000,
    "sexagesimal": "KEY: " + ":".join(["59"] * 2000),
    "octal": "KEY: 0o" + "7" * 9000,
    "1e999999": "KEY: 1e999999",
    "python object": "KEY: !!python/object/apply:os.system ['touch ran']",
    "python name": "KEY: !!python/name:os.system",
    "another tag": "KEY: !evil {a: 1}",
    "NUL": 'KEY: "a\\0b"',
    "raw NUL": "KEY: a\0b",
    "surrogate": 'KEY: "\\udcff"',
    "surrogate pair": 'KEY: "\\ud83d\\ude00"',
    "byte order mark": "\ufeffKEY: 1",
    "tabs": "KEY:\n\t- a",
    "a list as key": "? [a, b]\n: 1\nKEY: 1",
    "a map as key": "? {a: b}\n: 1\nKEY: 1",
    "twice": "KEY: 1\nKEY: 2",
    "two documents": "KEY: 1\n---\nKEY: 2",
    "empty file": "",
    "a list": "- a\n- b",
    "a text": "just words",
    "only a comment": "# nothing",
    "a directive": "%YAML 9.9\n---\nKEY: 1",
    "null": "KEY: ~",
    "markup": "KEY: '[red]x[/red][/]'",
    "escape sequences": 'KEY: "\\x1b[2J\\x1b]0;x\\a"',
}
WHOLE = {"empty file", "a list", "a text", "only a comment", "a directive", "two documents"}
BOMBS = {
    "nested very deep",
    "60 000 keys",
    "aliases",
    "itself",
    "two megabytes",
    "10 000 hex digits",
}
