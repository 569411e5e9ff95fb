"""A layout of files: a folder per domain, each with a data card, written by one function."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from factory.errors import InputError
from factory.exports.by_domain import UNSAID, Origin, Part
from factory.exports.card import data_card
from factory.store.shards import Status
from factory.store.snapshot import Rows, Snapshot

CARD = "README.md"

# The folder of each of some domains, by the version and the folder that was asked for.
Places = Callable[[Snapshot, Path, Sequence[str]], Sequence[Path]]


def below(snapshot: Snapshot, folder: Path, domains: Sequence[str]) -> Sequence[Path]:
    """The folder itself for one domain, a folder below it for each of several."""
    return [folder] if len(domains) == 1 else [folder / domain for domain in domains]


@dataclass(frozen=True)
class Export:
    """A layout of files.

    Attributes:
        write: writes a part into its place, which is not yet there; yields the number of pairs
            written since the last time.
        places: where the parts go.
        masked: only pairs with a mask, for layouts that have no place for an image without one.
    """

    write: Callable[[Part], Iterator[int]]
    places: Places = below
    masked: bool = False

    def __call__(self, snapshot: Snapshot, folder: Path, told: Origin = UNSAID) -> Iterator[int]:
        """Writes the accepted pairs of a version, and yields how many as it has written them.

        Every domain's folder has a data card, and so has the one that holds several. What is not
        written to the end is removed: half of a data set looks like a whole one.

        Raises:
            InputError: if there is no accepted pair, or the layout cannot hold them.
        """
        parts = self.parts(snapshot, folder, told)
        try:
            for part in parts:
                yield from self.write(part)
                _write_card([part], part.place)
        except BaseException:  # Ctrl-C, too
            for part in parts:
                shutil.rmtree(part.place, ignore_errors=True)
            raise
        if folder.is_dir() and len(parts) > 1:
            _write_card(parts, folder)

    def parts(self, snapshot: Snapshot, folder: Path, told: Origin = UNSAID) -> list[Part]:
        """A part per domain.

        Raises:
            InputError: if there is no accepted pair, none with a mask where one is needed, or a
                place is taken.
        """
        rows = self._rows(snapshot)
        found = snapshot.facets(rows)["domain"].to_numpy()
        domains = sorted(set(found))
        places = self.places(snapshot, folder, domains)
        return [
            Part(snapshot, domain, place, rows[found == domain], told)
            for domain, place in zip(domains, places, strict=True)
        ]

    def _rows(self, snapshot: Snapshot) -> Rows:
        rows = snapshot.rows(Status.ACCEPTED)
        if not len(rows):
            snapshot.read(rows)  # says why
        if not self.masked:
            return rows
        if not snapshot.has_mask[rows].any():
            raise InputError(
                f"no accepted pair of data set {snapshot.name!r} has a mask, and this layout is "
                "one of segmentation: export it as folder instead"
            )
        return rows[snapshot.has_mask[rows]]


def _write_card(parts: Sequence[Part], folder: Path) -> None:
    (folder / CARD).write_text(data_card(parts), encoding="utf-8")
