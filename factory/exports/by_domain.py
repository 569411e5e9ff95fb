"""The accepted pairs of one domain: exports part by domain, since masks of two mean other things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from factory.errors import InputError
from factory.pairs import Images, Masks, PairBatch
from factory.store.shards import Status
from factory.store.snapshot import Snapshot
from factory.vocabulary import BACKGROUND

BLOCK = 64  # pairs in memory at a time

# The folder of each of some domains, by the version and the folder that was asked for.
Places = Callable[[Snapshot, Path, Sequence[str]], Sequence[Path]]


@dataclass(frozen=True, eq=False)
class Part:
    """What one folder of an export holds.

    Attributes:
        snapshot: all pairs of the version.
        domain: of the ones meant.
        place: the folder; not yet there.
    """

    snapshot: Snapshot
    domain: str
    place: Path

    @property
    def classes(self) -> dict[int, str]:
        """Mask value -> class, 0 = background."""
        named = self.snapshot.label_maps[self.domain].items()
        return dict(sorted({0: BACKGROUND, **{index: name for name, index in named}}.items()))

    @property
    def modality(self) -> str:
        """As the vocabulary writes it; "" where nobody knows."""
        table = self.snapshot.table.to_pandas()
        return str(table.loc[table["domain"] == self.domain, "modality"].iloc[0])

    @property
    def origin(self) -> str:
        """For people who find the files: what they are, and where they are from."""
        return f"Synthetic pairs: data set {self.snapshot.name}, snapshot {self.snapshot.id}"

    def blocks(self) -> Iterator[PairBatch]:
        """Its pairs, in the order of their rows, at most 64 at a time."""
        for block in self.snapshot.blocks(size=BLOCK):
            yield block[(block.facets["domain"] == self.domain).to_numpy()]

    def masked_blocks(self) -> Iterator[PairBatch]:
        """Those of its pairs that have a mask, empty or not."""
        for block in self.blocks():
            yield block[block.has_mask]


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

    def __call__(self, snapshot: Snapshot, folder: Path) -> Iterator[int]:
        """Writes the accepted pairs of a version, and yields how many as it has written them.

        Raises:
            InputError: if there is no accepted pair, or the layout cannot hold them.
        """
        for part in self.parts(snapshot, folder):
            yield from self.write(part)

    def parts(self, snapshot: Snapshot, folder: Path) -> list[Part]:
        """A part per domain.

        Raises:
            InputError: if there is no accepted pair, none with a mask where one is needed, or a
                place is taken.
        """
        rows = snapshot.rows(Status.ACCEPTED)
        if not len(rows):
            snapshot.read(rows)  # says why
        if self.masked and not snapshot.has_mask[rows].any():
            raise InputError(
                f"no accepted pair of data set {snapshot.name!r} has a mask, and this layout is "
                "one of segmentation: export it as folder instead"
            )
        kept = rows[snapshot.has_mask[rows]] if self.masked else rows
        domains = sorted(set(snapshot.facets(kept)["domain"]))
        places = self.places(snapshot, folder, domains)
        return [Part(snapshot, *each) for each in zip(domains, places, strict=True)]


def save_png(pixels: Images | Masks, path: Path) -> None:
    """Writes an image (H, W, C) or a mask (H, W) as it is: grey or RGB, 8 bit, nothing lost."""
    grey = pixels.ndim == 3 and pixels.shape[-1] == 1
    Image.fromarray(pixels[..., 0] if grey else pixels).save(path)
