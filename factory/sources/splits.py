"""Training, validation and test parts, by patient."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from factory.errors import InputError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
NAMED = 3  # of units that share a fault
HELD_OUT = 0.15
"""Share of the units that goes to validation, and again to test."""


def leaks(units: Sequence[str], given: Sequence[str]) -> list[str]:
    """One line for the units that were given to the same several splits."""
    splits: Mapping[str, dict[str, None]] = defaultdict(dict)
    for unit, split in zip(units, given, strict=True):
        if split:
            splits[unit][split] = None
    leaking: Mapping[str, list[str]] = defaultdict(list)
    for unit, found in splits.items():
        if len(found) > 1:
            leaking[" and ".join(split for split in SPLITS if split in found)].append(repr(unit))
    return [
        f"patient {_listed(names)} is in {where}: what is learnt of a patient in one split "
        "would be tested on the same patient in another; give all its images one split"
        for where, names in leaking.items()
    ]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more, each," * (more > 0))


def assign(
    units: Sequence[str],
    given: Sequence[str],
    seed: int,
    alike: Iterable[tuple[int, int]] = (),
) -> list[str]:
    """A split for each row: the given one, else 70 % train, 15 % val, 15 % test of the units.

    Args:
        units: what must stay together, for each row: its patient.
        given: "train", "val", "test" or "" for each row.
        seed: chooses the units.
        alike: pairs of rows that are near-duplicates; their units stay together too.

    Returns:
        The splits. A unit with a given split takes it for all its rows; near-duplicates whose
        given splits differ keep them.
    """
    groups = together(units, alike)
    chosen: dict[str, str] = {}
    for group, split in zip(groups, given, strict=True):
        if split:
            chosen.setdefault(group, split)
    free = sorted({*groups} - {*chosen}, key=lambda group: rank(group, seed))
    chosen.update(zip(free, _shares(len(free)), strict=True))
    return [split or chosen[group] for group, split in zip(groups, given, strict=True)]


def together(units: Sequence[str], alike: Iterable[tuple[int, int]]) -> list[str]:
    """For each row the name of what must stay together: the first by name of its units.

    Args:
        units: of the rows.
        alike: pairs of rows that are near-duplicates, and join their units.
    """
    first: dict[str, int] = {}
    stands = [first.setdefault(unit, row) for row, unit in enumerate(units)]

    def find(row: int) -> int:
        while stands[row] != row:
            row = stands[row]
        return row

    for one, other in alike:
        stands[find(one)] = find(other)
    groups, names = [find(row) for row in range(len(units))], dict[int, str]()
    for group, unit in zip(groups, units, strict=True):
        # Named by name, so that neither the order of rows nor other patients move a unit far.
        names[group] = min(unit, names.get(group, unit))
    return [names[group] for group in groups]


def first_units(units: Iterable[str], count: int, seed: int) -> frozenset[str]:
    """`count` of the units, chosen by seed; a smaller choice is part of every larger one.

    Raises:
        InputError: if there are fewer.
    """
    ranked = sorted(set(units), key=lambda unit: rank(unit, seed))
    if count > len(ranked):
        raise InputError(
            f"limit asks for {count} of {len(ranked)} training patients; lower it, or leave it out"
        )
    return frozenset(ranked[:count])


def rank(unit: str, seed: int) -> bytes:
    """A place in a random order that depends on the unit and the seed alone."""
    return hashlib.blake2b(f"{seed}/{unit}".encode(), digest_size=16).digest()


def _shares(count: int) -> list[str]:
    # Three units are enough for one of each; fewer can only be trained on.
    held = max(1, round(count * HELD_OUT)) if count >= len(SPLITS) else 0
    return ["val"] * held + ["test"] * held + ["train"] * (count - 2 * held)
