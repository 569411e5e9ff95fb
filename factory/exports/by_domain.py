"""The accepted pairs of one domain: exports part by domain, since masks of two mean other things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from factory.errors import InputError
from factory.pairs import Images, Masks, PairBatch
from factory.store.shards import Status
from factory.store.snapshot import Snapshot
from factory.vocabulary import BACKGROUND

BLOCK = 64  # pairs in memory at a time


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


def by_name(number: int, domain: str) -> str:
    """The folder of a domain among several: its name."""
    return domain


def parts(
    snapshot: Snapshot,
    folder: Path,
    name: Callable[[int, str], str] = by_name,
    *,
    masked: bool = False,
) -> list[Part]:
    """A part per domain: the folder itself for one, a folder below it for each of several.

    Args:
        snapshot: the version.
        folder: of the export.
        name: of the folder of a domain, by its number, counted from 0, and its name.
        masked: only domains with a mask, for layouts that have no place for an image without one.

    Raises:
        InputError: if there is no accepted pair, or none with a mask where one is needed.
    """
    rows = snapshot.rows(Status.ACCEPTED)
    if not len(rows):
        snapshot.read(rows)  # says why
    if masked and not snapshot.has_mask[rows].any():
        raise InputError(
            f"no accepted pair of data set {snapshot.name!r} has a mask, and this layout is one of "
            "segmentation: export it as folder instead"
        )
    kept = rows[snapshot.has_mask[rows]] if masked else rows
    domains = sorted(set(snapshot.facets(kept)["domain"]))
    if len(domains) == 1:
        return [Part(snapshot, domains[0], folder)]
    return [Part(snapshot, domain, folder / name(at, domain)) for at, domain in enumerate(domains)]


def save_png(pixels: Images | Masks, path: Path) -> None:
    """Writes an image (H, W, C) or a mask (H, W) as it is: grey or RGB, 8 bit, nothing lost."""
    grey = pixels.ndim == 3 and pixels.shape[-1] == 1
    Image.fromarray(pixels[..., 0] if grey else pixels).save(path)
