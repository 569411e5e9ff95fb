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
    return sorted(path for path in found if not _hidden(path.relative_to(folder).parts))


def _hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") or part in LEFT_BEHIND for part in parts)
