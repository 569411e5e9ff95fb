"""PNG files with a metadata.csv: what the source `folder` reads, hence what anybody can."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from factory.pairs import PairBatch
from factory.shards import Status
from factory.snapshot import Snapshot

COLUMNS = (
    *("image", "mask", "split", "patient", "modality", "anatomy", "labels", "finding", "text"),
    *("domain", "prompt", "seed", "data_set", "snapshot"),
)


def export_folder(snapshot: Snapshot, folder: Path) -> Iterator[int]:
    """Writes images/, masks/, classes.json and metadata.csv, all pairs in the split "train".

    Several domains become a folder each, because classes.json says what the masks of one mean.

    Yields:
        The number of pairs written since the last time.
    """
    domains = sorted(set(snapshot.facets(snapshot.rows(Status.ACCEPTED))["domain"]))
    for domain in domains:
        place = folder / domain if len(domains) > 1 else folder
        for part in ("images", "masks"):
            (place / part).mkdir(parents=True)
        classes = {str(index): name for name, index in snapshot.label_maps[domain].items()}
        (place / "classes.json").write_text(json.dumps(classes, indent=1), encoding="utf-8")
        yield from _export_domain(snapshot, domain, place)


def _export_domain(snapshot: Snapshot, domain: str, place: Path) -> Iterator[int]:
    with (place / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for block in snapshot.blocks(size=64):
            pairs = block[(block.facets["domain"] == domain).to_numpy()]
            table.writerows(_write(pairs, place, snapshot))
            yield len(pairs)


def _write(pairs: PairBatch, place: Path, snapshot: Snapshot) -> Iterator[dict[str, object]]:
    for at, facets in enumerate(pairs.facets.to_dict("records")):
        name = f"{facets['row']:06d}.png"
        picture = pairs.images[at]
        grey = picture.shape[-1] == 1
        Image.fromarray(picture[..., 0] if grey else picture).save(place / "images" / name)
        if pairs.has_mask[at]:
            Image.fromarray(pairs.masks[at]).save(place / "masks" / name)
        told = {column: facets[column] for column in COLUMNS if column in facets}
        mask = f"masks/{name}" if pairs.has_mask[at] else ""
        files = {"image": f"images/{name}", "mask": mask}
        origin = {"data_set": snapshot.name, "snapshot": snapshot.id}
        yield {**told, **files, **origin, "split": "train", "patient": ""}
