"""An export as anybody adds one: this file, a line in `EXPORTS`, a row in docs/sources.md."""

from __future__ import annotations

from collections.abc import Iterator

from factory.exports.by_domain import Part


def write_arrays(part: Part) -> Iterator[int]:
    """Writes each block of a domain's pairs as one .npz file: images, masks.

    Yields:
        The number of pairs written since the last time.
    """
    import numpy as np

    part.place.mkdir(parents=True)
    for number, pairs in enumerate(part.blocks()):
        file = part.place / f"{number:04d}.npz"
        np.savez_compressed(file, images=pairs.images, masks=pairs.masks)
        yield len(pairs)
