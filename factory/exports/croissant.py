"""Croissant: a Parquet file with the pictures, and its description in JSON-LD as MLCommons has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import yaml

from factory.errors import InputError
from factory.exports.by_domain import Part
from factory.exports.huggingface import FILE, PICTURES, TEXTS, write_huggingface
from factory.identity import is_version
from factory.intended_use import FORBIDDEN, INTENDED

if TYPE_CHECKING:
    from mlcroissant import Context, Field, FileObject, RecordSet

DESCRIPTION = "croissant.json"
PAIRS = "pairs"
NOBODY = "None: no image shows a patient, all were drawn by a generator."
MEANT = {
    "image": "The synthetic image, an 8-bit PNG, grey or RGB.",
    "mask": "Its class indices, an 8-bit PNG of the same size; null where the pair has none.",
    "synthetic": "True: the pair was drawn by a generator.",
    "spacing": "Of rows and columns in mm, such as 0.5;0.25; empty where unknown.",
    "seed": "From which the generator drew the pair.",
    "prompt": "Digest of what was asked for.",
}


def write_croissant(part: Part) -> Iterator[int]:
    """Writes the Parquet file of the layout `huggingface`, and croissant.json beside it.

    Yields:
        The number of pairs written since the last time.

    Raises:
        InputError: if mlcroissant is not installed.

    Source: Croissant Format Specification 1.0, MLCommons, with the RAI vocabulary.
    """
    if find_spec("mlcroissant") is None:
        raise InputError(
            "the layout croissant needs mlcroissant, which is not installed: "
            "pip install 'medpair-factory[croissant]'"
        )
    yield from write_huggingface(part)
    text = json.dumps(_described(part), indent=1, ensure_ascii=False)
    (part.place / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _described(part: Part) -> dict[str, Any]:
    """The description as JSON-LD, which mlcroissant has checked."""
    from mlcroissant import Context, Metadata

    context, origin = Context(), provenance(part)
    file = _file(context, part)
    number = part.told.version[1:] if is_version(part.told.version) else "0"
    told: dict[str, Any] = Metadata(
        ctx=context,
        name=f"{part.snapshot.name}-{part.domain}",
        description=f"{part.origin}. {NOBODY}",
        version=f"{number}.0.0",
        license=[part.told.licence],
        url=f"urn:medpair:{part.snapshot.name}:{part.snapshot.id}",
        keywords=["medical", "synthetic", part.domain, *filter(None, [part.modality])],
        distribution=[file],
        record_sets=[
            _pairs(context, file),
            _inline(
                context, "classes", ({"value": at, "name": n} for at, n in part.classes.items())
            ),
            _inline(context, "provenance", [origin]),
        ],
        data_collection="; ".join(f"{name}: {value}" for name, value in origin.items()),
        data_use_cases=[INTENDED],
        data_limitations=[FORBIDDEN],
        personal_sensitive_information=[NOBODY],
    ).to_json()
    return told


def provenance(part: Part) -> dict[str, str]:
    """Where the pairs come from: what made them, from which data, by which recipe."""
    attributes = part.snapshot.attributes
    recipe = attributes["sections"]
    return {
        "data_set": part.snapshot.name,
        "version": part.told.version or "not published",
        "snapshot": part.snapshot.id,
        "run": str(attributes["run"]),
        "generator": str((recipe.get("generator") or {}).get("kind", "unknown")),
        "generator_digest": str(attributes["generator"]),
        "source_digest": str(attributes.get("digests", {}).get("source", "unknown")),
        "software": part.software,
        "recipe": yaml.safe_dump(dict(recipe), sort_keys=False),
    }


def _file(context: Context, part: Part) -> FileObject:
    from mlcroissant import FileObject

    return FileObject(
        ctx=context,
        id=FILE,
        name=FILE,
        content_url=FILE,
        encoding_formats=["application/x-parquet"],
        sha256=hashlib.sha256((part.place / FILE).read_bytes()).hexdigest(),
    )


def _pairs(context: Context, file: FileObject) -> RecordSet:
    """A record per pair: image, mask, and what is known of them."""
    from mlcroissant import DataType, RecordSet

    kinds = {
        **dict.fromkeys(PICTURES, DataType.IMAGE_OBJECT),
        **dict.fromkeys(TEXTS, DataType.TEXT),
        "synthetic": DataType.BOOL,
    }
    fields = [_column(context, file, name, kind) for name, kind in kinds.items()]
    return RecordSet(ctx=context, id=PAIRS, name=PAIRS, description=NOBODY, fields=fields)


def _column(context: Context, file: FileObject, name: str, kind: Any) -> Field:  # noqa: ANN401  # an rdflib term, untyped
    from mlcroissant import Extract, Field, Source, Transform

    unpacked = [Transform(json_path="bytes")] if name in PICTURES else []
    return Field(
        ctx=context,
        id=f"{PAIRS}/{name}",
        name=name,
        description=MEANT.get(name, f"The facet {name} of the pair."),
        data_types=[kind],
        source=Source(file_object=file.id, extract=Extract(column=name), transforms=unpacked),
    )


def _inline(context: Context, name: str, rows: Iterable[Mapping[str, int | str]]) -> RecordSet:
    """A small table that stands in the description itself."""
    from mlcroissant import DataType, Field, RecordSet

    data = list(rows)
    kinds = {int: DataType.INTEGER, str: DataType.TEXT}
    fields = [
        Field(ctx=context, id=f"{name}/{key}", name=key, data_types=[kinds[type(value)]])
        for key, value in data[0].items()
    ]
    records = [{f"{name}/{key}": value for key, value in row.items()} for row in data]
    return RecordSet(ctx=context, id=name, name=name, fields=fields, data=records)
