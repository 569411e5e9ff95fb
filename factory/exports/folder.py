"""PNG files with a metadata.csv: what the source `folder` reads, hence what anybody can."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from factory.exports.by_domain import Part
from factory.pairs import Images, Masks, PairBatch

COLUMNS = (
    *("image", "mask", "split", "patient", "modality", "anatomy", "labels", "finding", "text"),
    *("spacing", "domain", "prompt", "seed", "data_set", "snapshot", "synthetic", "licence"),
)
# What Hugging Face `datasets` decodes as pictures, under the names image and mask: it lets them
# replace columns of these names that stand before.
DECODED = {"file_name": "image", "mask_file_name": "mask"}

# Writes an image (H, W, C) or a mask (H, W) with its pixel spacing (2,) in mm, NaN where unknown.
Save = Callable[[Images | Masks, Path, NDArray[np.float32]], None]


def write_folder(part: Part) -> Iterator[int]:
    """Writes images/, masks/, classes.json and metadata.csv, all pairs in the split "train".

    Yields:
        The number of pairs written since the last time.
    """
    return write_files(part, ".png", lambda pixels, path, _: part.save_png(pixels, path))


def write_files(part: Part, ending: str, save: Save) -> Iterator[int]:
    """The same, with files of any kind.

    Args:
        part: whose pairs are meant.
        ending: of the files' names.
        save: writes one file.
    """
    for name in ("images", "masks"):
        (part.place / name).mkdir(parents=True)
    classes = {str(index): name for index, name in part.classes.items()}
    text = json.dumps(classes, indent=1)
    (part.place / "classes.json").write_text(text, encoding="utf-8")
    with (part.place / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, (*COLUMNS, *decoded(part)), extrasaction="ignore")
        table.writeheader()
        for pairs in part.blocks():
            table.writerows(_write(pairs, part, ending, save))
            yield len(pairs)


def decoded(part: Part) -> tuple[str, ...]:
    """The columns of pictures: of masks only where no pair lacks its own, as a path must be one."""
    return tuple(DECODED) if part.snapshot.has_mask[part.rows].all() else ("file_name",)


def _write(pairs: PairBatch, part: Part, ending: str, save: Save) -> Iterator[dict[str, object]]:
    origin = {"data_set": part.snapshot.name, "snapshot": part.snapshot.id}
    for at, facets in enumerate(pairs.facets.to_dict("records")):
        name, spacing = f"{facets['row']:06d}{ending}", pairs.spacing_mm[at]
        save(pairs.images[at], part.place / "images" / name, spacing)
        if pairs.has_mask[at]:
            save(pairs.masks[at], part.place / "masks" / name, spacing)
        known_columns = {column: facets[column] for column in COLUMNS if column in facets}
        image, mask = f"images/{name}", f"masks/{name}" if pairs.has_mask[at] else ""
        known = not np.isnan(spacing).any()
        yield {
            **known_columns,
            # As text: as a number it would not fit into the signed ones that many readers take.
            "seed": f"{int(facets['seed']):#018x}",
            **origin,
            "image": image,
            "mask": mask,
            "file_name": image,
            "mask_file_name": mask,
            "synthetic": "true",
            "licence": part.told.licence,
            "split": "train",
            "patient": "",
            "spacing": ";".join(f"{value:g}" for value in spacing) if known else "",
        }
