"""A folder with a datalist that MONAI's `load_decathlon_datalist` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator

from factory.exports.by_domain import Part
from factory.store.snapshot import FACETS

Entry = dict[str, str]


def write_monai(part: Part) -> Iterator[int]:
    """Writes imagesTr/, labelsTr/ and dataset.json, every pair that has a mask under "training".

    The layout is that of the Medical Segmentation Decathlon, with PNG files. An entry also tells
    the pair's facets.

    Yields:
        The number of pairs written since the last time.
    """
    for name in ("imagesTr", "labelsTr"):
        (part.place / name).mkdir(parents=True)
    entries: list[Entry] = []
    for pairs in part.blocks():
        for at, facets in enumerate(pairs.facets.to_dict("records")):
            name = f"pair_{facets['row']:06d}.png"
            part.save_png(pairs.images[at], part.place / "imagesTr" / name)
            part.save_png(pairs.masks[at], part.place / "labelsTr" / name)
            facets_kept = {column: str(facets[column]) for column in FACETS}
            entries.append(
                {"image": f"imagesTr/{name}", "label": f"labelsTr/{name}", **facets_kept}
            )
        yield len(pairs)
    _describe(part, entries)


def _describe(part: Part, entries: list[Entry]) -> None:
    description = {
        "name": part.domain,
        "description": part.origin,
        "licence": part.told.licence,
        "tensorImageSize": "2D",
        "modality": {"0": part.modality},
        "labels": {str(index): name for index, name in part.classes.items()},
        "numTraining": len(entries),
        "numTest": 0,
        "training": entries,
        "test": [],
    }
    text = json.dumps(description, indent=1)
    (part.place / "dataset.json").write_text(text, encoding="utf-8")
