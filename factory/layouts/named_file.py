"""An image file as its path describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from factory.layouts.listing import bare_name
from factory.layouts.names import (
    BESIDE_MASKS,
    IMAGE_WORDS,
    MASK_WORDS,
    SPLIT_WORDS,
    says_image,
    says_mask,
    split_of,
    words,
)


@dataclass(frozen=True)
class NamedFile:
    """What the name and the folders of an image file say.

    Attributes:
        path: within the data set.
        mask: whether it is a mask: its folder says so, or else its name.
        by_folder: whether a folder says which of both it is.
        split: that a folder names, "" for none.
        folders: in small letters, those that say neither.
        extra: words of the folders that do, but for those that say it.
        stem: words of the name but for "image" or "mask".
    """

    path: PurePosixPath
    mask: bool
    by_folder: bool
    split: str
    folders: tuple[str, ...]
    extra: tuple[str, ...]
    stem: tuple[str, ...]

    @property
    def short(self) -> tuple[str, ...]:
        """The stem without a split that it repeats, as in "21_training"; the stem if that is all."""
        return tuple(word for word in self.stem if word not in SPLIT_WORDS) or self.stem


def describe(path: PurePosixPath, skipped: int) -> NamedFile:
    """Reads the name of a file.

    Args:
        path: within the data set.
        skipped: how many of its folders all files share, so that they tell nothing.
    """
    folders = [(name, words(name)) for name in path.parts[skipped:-1]]
    roles = [says_mask(said) for _, said in folders if says_mask(said) or says_image(said)]
    name = words(bare_name(path))
    telling = [
        (name, said, says_mask(said) or says_image(said) or bool(split_of(said)))
        for name, said in folders
    ]
    return NamedFile(
        path,
        # The folder next to the file is right where two disagree.
        mask=roles[-1] if roles else says_mask(name),
        by_folder=bool(roles),
        split=next((split for _, said in folders if (split := split_of(said))), ""),
        folders=tuple(name.lower() for name, _, tells in telling if not tells),
        extra=tuple(word for _, said, tells in telling if tells for word in _rest(said)),
        stem=tuple(w for w in name if w not in MASK_WORDS and w not in IMAGE_WORDS),
    )


def shared_folders(paths: Sequence[PurePosixPath]) -> int:
    """How many folders at the beginning of all paths are the same."""
    count = 0
    for level in zip(*(path.parts[:-1] for path in paths), strict=False):
        if len(set(level)) > 1:
            break
        count += 1
    return count


def _rest(said: Sequence[str]) -> list[str]:
    known = {*MASK_WORDS, *IMAGE_WORDS, *SPLIT_WORDS, *BESIDE_MASKS}
    return [word for word in said if word not in known]
