"""The accepted pairs of one domain: exports part by domain, since masks of two mean other things."""

from __future__ import annotations

import io
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from factory.pairs import Images, Masks, PairBatch
from factory.store.snapshot import FACETS, Rows, Snapshot
from factory.vocabulary import BACKGROUND

Spacing = NDArray[np.float32]
BLOCK = 64  # pairs in memory at a time


@dataclass(frozen=True)
class Origin:
    """What a snapshot does not say of itself.

    Attributes:
        version: its tag, "v1"; "" where it is none.
        licence: of the data that its generator learnt from.
        gates: gate -> what was asked and what was measured.
        layout: name of the export.
    """

    version: str = ""
    licence: str = "unknown"
    gates: Mapping[str, str] = field(default_factory=dict)
    layout: str = "folder"


UNSAID = Origin()


@dataclass(frozen=True, eq=False)
class Part:
    """What one folder of an export holds.

    Attributes:
        snapshot: all pairs of the version.
        domain: of the ones meant.
        place: the folder; not yet there.
        rows: of its accepted pairs, ascending.
        told: where the version comes from.
    """

    snapshot: Snapshot
    domain: str
    place: Path
    rows: Rows
    told: Origin = UNSAID

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
        version = " ".join(filter(None, (self.snapshot.name, self.told.version)))
        return f"Synthetic pairs: data set {version}, snapshot {self.snapshot.id}"

    @property
    def software(self) -> str:
        """What made them, with its release."""
        return f"medpair-factory {self.snapshot.attributes['code_version']}"

    def facts(self, facets: Mapping[Hashable, object], spacing_mm: Spacing) -> dict[str, object]:
        """What is known of one pair, for tables: its facets and where it comes from.

        Args:
            facets: of the pair.
            spacing_mm: (2,) of rows and columns, "0.5;0.25" in the table; NaN where unknown.
        """
        known = not np.isnan(spacing_mm).any()
        return {
            **{name: str(facets[name]) for name in FACETS},
            "spacing": ";".join(f"{value:g}" for value in spacing_mm) if known else "",
            "data_set": self.snapshot.name,
            "snapshot": self.snapshot.id,
            "licence": self.told.licence,
            "synthetic": True,
        }

    def blocks(self) -> Iterator[PairBatch]:
        """Its pairs, in the order of their rows, at most 64 at a time."""
        return self.snapshot.blocks(self.rows, BLOCK)

    def png(self, pixels: Images | Masks) -> bytes:
        """An image (H, W, C) or a mask (H, W) as it is: grey or RGB, 8 bit, nothing lost.

        Its text chunks say that it is synthetic, to whoever finds it alone.
        """
        grey, file = pixels.ndim == 3 and pixels.shape[-1] == 1, io.BytesIO()
        picture = Image.fromarray(pixels[..., 0] if grey else pixels)
        text = self._text("image" if pixels.ndim == 3 else "mask")
        picture.save(file, "png", pnginfo=text)
        return file.getvalue()

    def save_png(self, pixels: Images | Masks, path: Path) -> None:
        """Writes the same to a file."""
        path.write_bytes(self.png(pixels))

    def _text(self, what: str) -> PngInfo:
        text = PngInfo()
        text.add_text("Title", f"Synthetic {what}, {self.domain}")
        text.add_text("Description", self.origin)
        text.add_text("Software", self.software)
        return text
