"""Tar files that WebDataset and Hugging Face `datasets` stream: the files of a pair side by side."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator

from factory.exports.by_domain import BLOCK, Part
from factory.pairs import PairBatch

SHARD = 16 * BLOCK  # pairs of a file


def write_webdataset(part: Part) -> Iterator[int]:
    """Writes shard-000000.tar, ... of 1024 pairs: NNNNNN.png, NNNNNN.mask.png and NNNNNN.json.

    Yields:
        The number of pairs written since the last time.
    """
    part.place.mkdir(parents=True)
    for number, pairs in enumerate(part.blocks()):
        shard = part.place / f"shard-{number * BLOCK // SHARD:06d}.tar"
        with tarfile.open(shard, "a") as file:
            for name, content in _files(pairs, part):
                told = tarfile.TarInfo(name)
                told.size = len(content)
                file.addfile(told, io.BytesIO(content))
        yield len(pairs)


def _files(pairs: PairBatch, part: Part) -> Iterator[tuple[str, bytes]]:
    for at, facets in enumerate(pairs.facets.to_dict("records")):
        key = f"{facets['row']:06d}"
        yield f"{key}.png", part.png(pairs.images[at])
        if pairs.has_mask[at]:
            yield f"{key}.mask.png", part.png(pairs.masks[at])
        told = part.facts(facets, pairs.spacing_mm[at]) | {"classes": part.classes}
        yield f"{key}.json", json.dumps(told).encode()
