"""Parquet files that Hugging Face `datasets` opens with the pictures decoded."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import parquet

from factory.exports.by_domain import Part
from factory.pairs import PairBatch
from factory.store.snapshot import FACETS

FILE = "train-00000-of-00001.parquet"
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
PICTURES = ("image", "mask")
TEXTS = (*FACETS, "spacing", "data_set", "snapshot", "licence")


def write_huggingface(part: Part) -> Iterator[int]:
    """Writes a table with the pictures in it: image, mask (null where there is none), facets.

    Yields:
        The number of pairs written since the last time.
    """
    part.place.mkdir(parents=True)
    schema = _schema()
    with parquet.ParquetWriter(part.place / FILE, schema) as file:
        for pairs in part.blocks():
            file.write_table(pa.Table.from_pylist(list(_rows(pairs, part)), schema))
            yield len(pairs)


def _schema() -> pa.Schema:
    """Its metadata tell `datasets` which columns are pictures."""
    fields = {
        **dict.fromkeys(PICTURES, PICTURE),
        **dict.fromkeys(TEXTS, pa.string()),
        "synthetic": pa.bool_(),
    }
    features = {
        **{name: {"_type": "Image"} for name in PICTURES},
        **{name: {"dtype": "string", "_type": "Value"} for name in TEXTS},
        "synthetic": {"dtype": "bool", "_type": "Value"},
    }
    told = json.dumps({"info": {"features": features}})
    return pa.schema(list(fields.items()), metadata={"huggingface": told})


def _rows(pairs: PairBatch, part: Part) -> Iterator[dict[str, object]]:
    for at, facets in enumerate(pairs.facets.to_dict("records")):
        name = f"{facets['row']:06d}.png"
        mask = {"bytes": part.png(pairs.masks[at]), "path": name} if pairs.has_mask[at] else None
        image = {"bytes": part.png(pairs.images[at]), "path": name}
        yield {"image": image, "mask": mask, **part.facts(facets, pairs.spacing_mm[at])}
