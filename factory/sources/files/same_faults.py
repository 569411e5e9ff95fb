"""What is wrong with many files in the same way, told once."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

ALONE = 3  # so many lines are told each; more become one


def told_once(lines: Sequence[str], names: Collection[str]) -> list[str]:
    """The lines, those that say the same of more than three files as one that names three.

    Lines say the same where they differ in nothing but numbers and names of files.

    Args:
        lines: each beginning with the name of the file that it is about, or saying "in NAME".
        names: of all files.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        name = _subject(line, names)
        fact = _fact(line, name, names) if name else line
        groups.setdefault(fact, []).append((name, line))
    return [told for group in groups.values() for told in _told(group)]


def _told(group: Sequence[tuple[str, str]]) -> list[str]:
    if len(group) <= ALONE:
        return [line for _, line in group]
    others = [name for name, _ in group[1:]]
    shown = ", ".join(others[: ALONE - 1])
    return [f"{group[0][1]} (likewise {len(others)} others: {shown}, ...)"]


def _subject(line: str, names: Collection[str]) -> str:
    """The longest name that the line begins with, or says that it is in; "" where it is none's."""
    ends = [match.start() for match in re.finditer(r"[ :,]", line)]
    first = next((line[:end] for end in reversed(ends) if line[:end] in names), "")
    within = re.search(r" in (.+?)(?=;|$)", line)
    return first or (within[1] if within and within[1] in names else "")


def _fact(line: str, name: str, names: Collection[str]) -> str:
    rest = line.removeprefix(name) if line.startswith(name) else line.replace(f" in {name}", "")
    said = (word for word in rest.split(" "))
    return re.sub(
        r"\d+", "#", " ".join("" if word.strip(",;:") in names else word for word in said)
    )
