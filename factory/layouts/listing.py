"""The files of a folder, listed once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from factory.errors import InputError
from factory.sources.image_files import FLAT_ENDINGS, VOLUME_ENDINGS
from factory.visible_files import is_hidden

# What `medpair init` leaves in a folder itself; no image of the user's.
SHEET = "contact-sheet.png"


@dataclass(frozen=True)
class Listing:
    """The files of a folder and its sub-folders.

    Attributes:
        folder: which.
        files: paths within it, sorted; hidden ones and those of archivers are left out.
    """

    folder: Path
    files: tuple[PurePosixPath, ...]

    @cached_property
    def images(self) -> tuple[PurePosixPath, ...]:
        """Those whose name says that they are an image or a volume."""
        return tuple(path for path in self.files if is_image(path))

    def ending(self, *endings: str) -> tuple[PurePosixPath, ...]:
        """Those with one of these endings, in small letters."""
        return tuple(path for path in self.files if path.name.lower().endswith(endings))


def is_image(path: PurePosixPath) -> bool:
    """Whether the name says that the file is an image or a volume."""
    name = path.name.lower()
    return name.endswith((*FLAT_ENDINGS, *VOLUME_ENDINGS)) and not name.endswith(SHEET)


def bare_name(path: PurePosixPath) -> str:
    """The file's name without the ending of an image."""
    name = path.name
    for ending in (*VOLUME_ENDINGS[::-1], *FLAT_ENDINGS):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    # A UID ends with a number, which is no ending.
    return name if path.suffix[1:].isdecimal() else path.stem


def list_files(folder: Path) -> Listing:
    """Lists a folder.

    Raises:
        InputError: if there is no such folder, or it is empty.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder that holds the data")
    files = tuple(sorted(_walk(folder)))
    if not files:
        raise InputError(f"{folder} is empty: give the folder that holds images and masks")
    return Listing(folder, files)


def _walk(folder: Path) -> Iterator[PurePosixPath]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        within = PurePosixPath(Path(place).relative_to(folder).as_posix())
        yield from (within / name for name in names if not is_hidden(name))
