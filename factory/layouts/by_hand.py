"""Masks drawn by hand beside others, as sets of the retina keep them: one reader's are meant.

DRIVE has `1st_manual`, `2nd_manual` and `mask`, HRF `manual1` and `mask`; the masks of the last are
the camera's fields of view.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from factory.layouts.names import BY_HAND, words

FIELD = "field of view"


def readers(paths: Collection[PurePosixPath], skipped: int) -> Mapping[PurePosixPath, str]:
    """Who drew each mask that a folder says was drawn by hand; {} where that parts no masks.

    Args:
        paths: of all masks.
        skipped: how many of their folders say nothing, since all files lie in them.
    """
    told = {path: _reader(path.parts[skipped:-1]) for path in paths}
    if len(set(told.values())) < 2:
        return {}
    return {path: reader for path, reader in told.items() if reader}


def _reader(folders: Collection[str]) -> str:
    said = (words(name) for name in folders)
    return next((" ".join(_joined(each)) for each in said if BY_HAND in each), "")


def _joined(said: tuple[str, ...]) -> list[str]:
    """The words, a number and what follows it as one: "1st manual", not "1 st manual"."""
    found: list[str] = []
    for word in said:
        if found and found[-1].isdecimal() and word in ("st", "nd", "rd", "th"):
            found[-1] += word
        else:
            found.append(word)
    return found
