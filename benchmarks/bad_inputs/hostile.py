"""Values that people's mistakes and other people's malice put in place of good ones."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

LAUGHS = "\n".join(
    f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 9 if i else ['lol'])}]" for i in range(9)
)
# Places that are no files: each name is laid by `lay_paths`.
LOOP, PIPE, DIRECTORY = "loop", "pipe", "directory"
PATHS = (
    *("../../../etc/passwd", "/etc/passwd", "/dev/null", "/dev/zero", "/proc/self/mem"),
    *("~nosuchuser/x", "a" * 300, "/".join(["a" * 100] * 60), "a\0b", ".", "..", "/", "//x//", ""),
    *(LOOP, PIPE, DIRECTORY, f"{LOOP}/x", "s3://bucket/x", "http://127.0.0.1:9/x", "file:///etc"),
    *("packaged:", "packaged:../..", "packaged:nothing", "#", "?", "a#b", "-", "--help", "\udcff"),
)
TEXTS = (
    *("", " ", "\0", "\udcff", "\ud800x", "[red]x[/red]", "[/]", "[link=file:///etc]x[/link]"),
    *("{}", "{0.__class__}", "%s%n%d", "$(touch ran)", "`touch ran`", "; touch ran", "\x1b[31mred"),
    *("a\rb", "a\nb", "\u202egnp", "e" + "\u0301" * 300, "\U0001f600", "null", "true", "~"),
    *("a" * 300, "a" * 5000, "é" * 3000, "<script>alert(1)</script>", "'; DROP TABLE scores; --"),
    *("2020-13-45", "2020-01-01T99:99:99+99:99", "0000-01-01", "main", "v1", "all", "*", "&x"),
    *("!!python/object/apply:os.system ['touch ran']", "!!int abc", "__import__('os')"),
)
NUMBERS = (
    *(0, -1, 1, 2, 3, 7, 10**3, 10**6, 10**9, 10**18, 2**31, 2**63, 2**64, 10**400, -(10**18)),
    *(0.5, -0.5, 1e-9, 1e300, float("inf"), -float("inf"), float("nan"), True, False),
)
OTHERS: tuple[Any, ...] = (
    None,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"kind": None},
    [{}],
    ["a"] * 2000,
)


def value(draw: random.Random) -> Any:  # noqa: ANN401  # whatever JSON knows
    """Any bad value: a text, a number, a path, or what is none of these."""
    return copy.deepcopy(draw.choice(draw.choice((TEXTS, NUMBERS, PATHS, OTHERS))))


def text(draw: random.Random) -> str:
    """Any bad text."""
    if draw.random() < 0.2:
        return "".join(chr(draw.randrange(1, 0x3000)) for _ in range(draw.randrange(1, 60)))
    return draw.choice(draw.choice((TEXTS, PATHS)))


def mutated(draw: random.Random, content: Any, times: int = 1) -> Any:  # noqa: ANN401
    """A copy of JSON content with something changed, left out, doubled, renamed or wrapped."""
    changed = copy.deepcopy(content)
    for _ in range(times):
        holders = [each for each in _holders(changed) if each]
        if not holders:
            return changed
        holder = draw.choice(holders)
        key = draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        _change(draw, holder, key)
    return changed


def _change(draw: random.Random, holder: Any, key: Any) -> None:  # noqa: ANN401
    old = holder[key]
    match draw.randrange(9):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[text(draw)] = holder.pop(key)
        case 2 if isinstance(holder, dict):
            holder[text(draw) + "x"] = value(draw)
        case 3:
            holder[key] = [old, old]
        case 4:
            holder[key] = {str(key): old}
        case 5 if isinstance(old, int | float) and not isinstance(old, bool):
            holder[key] = old * draw.choice((-1, 0, 0.5, 2, 100, 10**6, 10**15))
        case 6 if isinstance(old, str) and old:
            at = draw.randrange(len(old))
            holder[key] = old[:at] + text(draw) + old[at + 1 :]
        case _:
            holder[key] = value(draw)


def _holders(content: Any) -> Iterator[Any]:  # noqa: ANN401
    if isinstance(content, dict | list):
        yield content
        for each in content.values() if isinstance(content, dict) else content:
            yield from _holders(each)


def flipped(draw: random.Random, content: bytes, most: int = 4) -> bytes:
    """Bytes with a few changed, most of them in the first thousand, and now and then the end cut."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, most)):
        reach = min(len(changed), 1000) if draw.random() < 0.7 else len(changed)
        if reach:
            changed[draw.randrange(reach)] = draw.randrange(256)
    if draw.random() < 0.3 and changed:
        del changed[draw.randrange(len(changed)) :]
    return bytes(changed)
