"""What a layout finds in a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from factory.layouts.listing import Listing
from factory.layouts.names import says_mask, words


@dataclass(frozen=True)
class FoundMask:
    """One mask of an image.

    Attributes:
        path: within the folder.
        key: of a file of annotations, see `factory.sources.mask_parts.part.MaskPart`.
        structure: what it shows, where an image has several masks that differ by it.
    """

    path: str
    key: str = ""
    structure: str = ""

    @property
    def text(self) -> str:
        """As a part of a cell of the mask column."""
        return f"{self.path}#{self.key}" if self.key else self.path


@dataclass(frozen=True)
class FoundRow:
    """An image with its masks; "" is what nobody says."""

    image: str
    masks: tuple[FoundMask, ...]
    split: str = ""
    patient: str = ""
    finding: str = ""

    @property
    def structures(self) -> tuple[str, ...]:
        """What its masks differ by, in order."""
        return tuple(sorted({mask.structure for mask in self.masks} - {""}))

    def only(self, structure: str) -> FoundRow:
        """The row with the masks of one structure."""
        return replace(self, masks=tuple(m for m in self.masks if m.structure == structure))


@dataclass(frozen=True)
class Found:
    """What a layout makes of a folder.

    Attributes:
        layout: what it is called.
        rows: of the table to be.
        classes: value in the masks -> class, where the folder tells; without it, values are seen.
        labels: class names, where masks name their classes and have no values.
        named: whether these names are the data set's own.
        meant: of several masks of an image, the structure that is meant where nobody says
            otherwise; "" where all are.
        modality: as far as the folder tells.
        anatomy: as far as the folder tells.
        notes: what was done with what fits in nowhere, a sentence each.
        patients_from: where the rows' patients come from.
        nnunet: whether the folder is read by the source `nnunet`, and needs no table.
    """

    layout: str
    rows: tuple[FoundRow, ...]
    classes: Mapping[int, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    named: bool = True
    meant: str = ""
    modality: str = ""
    anatomy: str = ""
    notes: tuple[str, ...] = ()
    patients_from: str = "guessed from names; correct them in metadata.csv"
    nnunet: bool = False

    @property
    def structures(self) -> tuple[str, ...]:
        """What the masks of one image differ by; () where each has one, or they are of one kind."""
        return tuple(sorted({name for row in self.rows for name in row.structures}))

    @property
    def values(self) -> Mapping[str, int]:
        """Class name -> value, where masks name their classes."""
        return {name: value for value, name in enumerate(self.labels, 1)}


# None where the folder is of another layout; raises InputError where it is of this and broken.
Layout = Callable[[Listing], Found | None]


def unlabelled(listing: Listing, used: Collection[str]) -> Iterator[str]:
    """A sentence about images that are there and have no label.

    Args:
        listing: of the folder.
        used: paths of the images and labels that were found together.
    """
    images = (path for path in listing.images if not says_mask(words(path.parent.name)))
    if rest := [str(image) for image in images if str(image) not in used]:
        yield f"{len(rest)} images have no label and are left out: {some(rest)}"


def paths_of(rows: Iterable[FoundRow]) -> set[str]:
    """Paths of all images and masks of rows."""
    return {path for row in rows for path in (row.image, *(mask.path for mask in row.masks))}


def some(names: list[str], most: int = 5) -> str:
    """The first few of many names, for a sentence."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
