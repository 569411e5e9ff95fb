"""Which folders the databases of a home can live in."""

from __future__ import annotations

import re
from pathlib import Path

from factory.places import path_fault

# What the libraries below make of a character, tried: SQLite's URLs end at "?"; Delta tables
# decode "%20", take "\\" for "/", and fail at the others.
UNUSABLE = re.compile(r"[?\\\[\]|^\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2}")
ROOM = 255  # characters of a name, as files below a home have at most
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def is_uri(text: str) -> bool:
    """Whether a text is a URI rather than a path, in which ":" is a character like any other."""
    return "://" in text and SCHEME.match(text) is not None


def local_home(home: Path) -> Path:
    """A home made absolute.

    Raises:
        ValueError: if it is no folder of this machine, or one whose name no database takes.
    """
    if SCHEME.match(str(home)):  # Path has made one slash of two
        raise ValueError(
            "the home is a folder of this machine, and nothing was written; data sets and the lake "
            "alone can lie in an object store, set MEDPAIR_PAIRS and MEDPAIR_LAKE to its addresses"
        )
    try:
        whole = home.expanduser().absolute()
    except RuntimeError as error:  # of ~name
        raise ValueError("nobody of that name has a folder here; write the folder out") from error
    _check_folder(usable(whole))
    return whole


def _check_folder(whole: Path) -> None:
    if fault := path_fault(whole, "x" * ROOM):
        raise ValueError(f"the path {fault}, and files lie below it; choose a shorter one")
    for each in (whole, *whole.parents):
        if each.is_symlink() and not each.exists():
            raise ValueError(f"{each} is a link to nothing; choose a folder")
        if each.exists() and not each.is_dir():
            raise ValueError(f"{each} is a file, so nothing can be kept below it; choose a folder")


def usable(path: Path) -> Path:
    """The same path.

    Raises:
        ValueError: if it holds characters that a database would read as something else.
    """
    if found := UNUSABLE.search(str(path)):
        raise ValueError(
            f"the path {str(path)!a} holds {found[0]!a}, which the databases below it take for "
            "something else, so they would lie elsewhere; nothing was written, choose a folder "
            "without it"
        )
    return path
