"""Files of the user's that bear the name of one of our packages, and so hide it."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("factory", "evaluation", "tasks", "flows")
WRONG_INPUT = 2  # exit code, as of every command
ROOT = Path(__file__).resolve().parents[1]


def refuse_hidden() -> None:
    """Ends the program in a line where Python would import somebody else's `tasks` for ours.

    Raises:
        SystemExit: with the exit code of a wrong input; the line is on stderr.
    """
    for name in PACKAGES:
        found = _place(_spec(name))
        if found != ROOT / name:
            print(f"medpair: {_sentence(name, found)}", file=sys.stderr)
            raise SystemExit(WRONG_INPUT)


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ValueError:  # a module without a specification, such as one made by hand
        return None


def _place(spec: ModuleSpec | None) -> Path | None:
    """The folder of a package, or the file of a module; None where there is none."""
    if spec is None:
        return None
    folders = spec.submodule_search_locations
    place = next(iter(folders), None) if folders is not None else spec.origin
    return None if place is None else Path(place).resolve()


def _sentence(name: str, found: Path | None) -> str:
    if found is None:
        return f"the package {name} is missing beside {ROOT / 'medpair'}: install medpair-factory again"
    return (
        f"{found} hides the package {name} of medpair, because Python looks there first: rename "
        "it, or work in another folder"
    )
