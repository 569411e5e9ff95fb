"""The paths of a recipe: absolute where it is used, portable where it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

import factory

PACKAGED = "packaged:"  # a checkpoint that comes with the package: "packaged:NAME"
WEIGHTS = Path(factory.__file__).parent / "weights"

Keys = tuple[str, ...]
Section = TypeVar("Section", bound=BaseModel)


def with_paths(section: Section, change: Callable[[Path, Keys], Path], at: Keys = ()) -> Section:
    """The same section with every path in it changed.

    Args:
        section: of a recipe, or a whole one.
        change: gives the new path for the old one and the keys it stands at.
        at: the keys that the section itself stands at.
    """

    def changed(value: object, keys: Keys) -> object:
        if isinstance(value, BaseModel):
            return with_paths(value, change, keys)
        if isinstance(value, Mapping):
            return {name: changed(each, (*keys, str(name))) for name, each in value.items()}
        return change(value, keys) if isinstance(value, Path) else value

    named = [(name, field.alias or name) for name, field in type(section).model_fields.items()]
    changes = {name: changed(getattr(section, name), (*at, key)) for name, key in named}
    return section.model_copy(update=changes)


def absolute(path: Path, folder: Path) -> Path:
    """Where a path of a recipe leads that lies in `folder`."""
    text = str(path)
    if text.startswith(PACKAGED):
        return WEIGHTS / text.removeprefix(PACKAGED)
    return (folder / path.expanduser()).resolve()


def checkpoint_named(text: str) -> Path:
    """The folder of a checkpoint as recipes name it: a path, or "packaged:NAME"."""
    return absolute(Path(text), Path.cwd())


def portable(path: Path, home: Path) -> Path:
    """An absolute path as a kept recipe says it, so that home and package can be moved.

    What comes with the package is "packaged:NAME", what lies in the home relative to it; any other
    path stays as it is.
    """
    for folder, prefix in ((WEIGHTS, PACKAGED), (home, "")):
        for root in (folder, folder.resolve()):
            if path.is_relative_to(root):
                return Path(f"{prefix}{path.relative_to(root).as_posix()}")
    return path


def or_packaged(path: Path) -> Path:
    """The path itself, or the packaged checkpoint that it led to in another installation.

    Earlier releases kept the absolute path of a packaged checkpoint.
    """
    twin = WEIGHTS / path.name
    packaged = path.parts[-3:-1] == WEIGHTS.parts[-2:] and twin.is_dir()
    return twin if packaged and not path.exists() else path
