"""Listings of folders without what desktops leave in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

LEFT_BEHIND = ("__MACOSX", "Thumbs.db", "desktop.ini")


def visible(folder: Path, paths: Iterable[Path] | None = None) -> list[Path]:
    """Files and folders that somebody put there, by name.

    Left out are `.DS_Store`, `._NAME` beside NAME, and all else whose name, or that of a folder on
    the way, begins with a point.

    Args:
        folder: where to look; a missing one holds nothing.
        paths: below the folder, found already; those right in it where None.
    """
    found = paths if paths is not None else folder.iterdir() if folder.is_dir() else ()
    return sorted(p for p in found if not any(map(is_hidden, p.relative_to(folder).parts)))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name was left by a desktop or an archiver."""
    return name.startswith(".") or name in LEFT_BEHIND
