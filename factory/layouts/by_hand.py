"""Masks drawn by hand beside others, as sets of the retina keep them: one reader's are meant.

DRIVE has `1st_manual`, `2nd_manual` and `mask`, HRF `manual1` and `mask`; the masks of the last are
the camera's fields of view. CHASE_DB1 has `Image_01L_1stHO.png` and `Image_01L_2ndHO.png`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from factory.layouts.listing import bare_name
from factory.layouts.names import BY_HAND, words

FIELD = "field of view"
ORDINALS = ("st", "nd", "rd", "th")


def readers(paths: Collection[PurePosixPath], skipped: int) -> Mapping[PurePosixPath, str]:
    """Who drew each mask that a folder or its name says was drawn by hand.

    Args:
        paths: of all masks.
        skipped: how many of their folders say nothing, since all files lie in them.

    Returns:
        Masks whose reader is told; {} where that parts no masks.
    """
    told = {path: _reader(path, skipped) for path in paths}
    if len(set(told.values())) < 2:
        return {}
    return {path: reader for path, reader in told.items() if reader}


def _reader(path: PurePosixPath, skipped: int) -> str:
    names = (*path.parts[skipped:-1], bare_name(path))
    return next((reader for name in names if (reader := _told(words(name)))), "")


def _told(said: tuple[str, ...]) -> str:
    """The word for a reader with the number beside it: "1st manual", "manual 1"; "" without one."""
    at = next((index for index, word in enumerate(said) if word in BY_HAND), None)
    if at is None:
        return ""
    if at >= 2 and said[at - 1] in ORDINALS and said[at - 2].isdecimal():
        return f"{said[at - 2]}{said[at - 1]} {said[at]}"
    return " ".join((said[at], *(word for word in said[at + 1 : at + 2] if word.isdecimal())))
