"""A bad input: files laid in a folder of its own, and the command that is given them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bad_inputs.ground import Ground

RAN = "ran"  # a file of this name in the case's folder says that code of an input was executed
HOME = "home"


@dataclass(frozen=True)
class Place:
    """Where a case is laid.

    Attributes:
        folder: empty, for this case alone; the command runs in it.
        ground: what all cases share.
    """

    folder: Path
    ground: Ground


@dataclass(frozen=True)
class Case:
    """A bad input.

    Attributes:
        what: is bad about it, in a few words.
        words: of the command line, without "medpair".
        bomb: whether it is made to swell, so that refusing it must be quick and small.
    """

    what: str
    words: Sequence[str]
    bomb: bool = False


Lay = Callable[[random.Random, Place], Case]


@dataclass(frozen=True)
class Kind:
    """A kind of bad input.

    Attributes:
        lay: makes a case of it, the same for the same random numbers.
        share: of all cases.
        apart: whether each case has a process of its own, as a command has: of what a question
            fills, addresses stay taken, and a later one would find none left.
    """

    lay: Lay
    share: float
    apart: bool = False


@dataclass(frozen=True)
class Numbered:
    """Which case: lays the same one wherever and whenever it is asked for.

    Attributes:
        kind: its name.
        number: among those of its kind.
        seed: of all cases.
    """

    kind: str
    number: int
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}"

    def lay(self, lay: Lay, place: Place) -> Case:
        """Lays it in an empty folder."""
        return lay(random.Random(f"{self.seed} {self.kind} {self.number}"), place)


def dry_run(recipe: str = "recipe.yaml", *words: str) -> tuple[str, ...]:
    """The command that reads a recipe and all it names, and makes nothing."""
    return ("run", recipe, "--dry-run", *words, "--home", HOME)
