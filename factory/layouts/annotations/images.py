"""Images that a file of annotations names: where they lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from factory.layouts.layout import FoundRow, some
from factory.layouts.listing import Listing, bare_name
from factory.layouts.names import guess_patients, split_of, words


class NamedImages:
    """The images of a folder, found by the names that files of annotations give them.

    Args:
        listing: of the folder.
    """

    def __init__(self, listing: Listing) -> None:
        counts = Counter(image.name for image in listing.images)
        self._there = set(listing.images)
        self._alone = {image.name: image for image in listing.images if counts[image.name] == 1}

    def find(self, told_in: PurePosixPath, name: str) -> str:
        """The path of an image within the folder, "" where it is not there.

        Args:
            told_in: the file of annotations.
            name: as it calls the image, whose folder may have moved.
        """
        path = PurePosixPath(name)
        near = [told_in.parent / path, path, PurePosixPath("images") / path]
        found = next((place for place in near if place in self._there), self._alone.get(path.name))
        return "" if found is None else str(found)


def split_in(path: PurePosixPath) -> str:
    """The split that a file of annotations is called after, or one of its folders."""
    return split_of(word for part in path.parts for word in words(part))


def with_patients(rows: Iterable[FoundRow]) -> tuple[FoundRow, ...]:
    """The rows with the patients that the images' names tell."""
    rows = list(rows)
    patients = guess_patients([bare_name(PurePosixPath(row.image)) for row in rows])
    return tuple(replace(row, patient=each) for row, each in zip(rows, patients, strict=True))


def absent(names: list[str]) -> Iterator[str]:
    """A sentence about images that are listed and not there."""
    if names:
        yield f"{len(names)} listed images are not there and left out: {some(names)}"
