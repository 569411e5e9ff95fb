"""An export as anybody adds one: this file, a line in `EXPORTS`, a row in docs/running.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from factory.exports.by_domain import parts
from factory.store.snapshot import Snapshot


def export_arrays(snapshot: Snapshot, folder: Path) -> Iterator[int]:
    """Writes each block of pairs of a domain as one .npz file: images, masks.

    Yields:
        The number of pairs written since the last time.
    """
    import numpy as np

    for part in parts(snapshot, folder):
        part.place.mkdir(parents=True)
        for number, pairs in enumerate(part.blocks()):
            file = part.place / f"{number:04d}.npz"
            np.savez_compressed(file, images=pairs.images, masks=pairs.masks)
            yield len(pairs)
