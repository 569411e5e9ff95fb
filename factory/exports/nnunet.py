"""A raw data set of nnU-Net v2: dataset.json, imagesTr and labelsTr."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from factory.errors import InputError
from factory.exports.by_domain import Part, parts, save_png
from factory.store.snapshot import Snapshot

FIRST_NUMBER = 501  # nnU-Net's own data sets lie below
NAME = re.compile(r"Dataset\d{3}_\w+")


def export_nnunet(snapshot: Snapshot, folder: Path) -> Iterator[int]:
    """Writes every pair that has a mask as a training case in PNG; nnU-Net makes its own folds.

    One domain becomes the folder itself, which nnU-Net knows by its name; several become
    Dataset501_NAME, Dataset502_NAME, ... below it, which then is a nnUNet_raw of its own.

    Yields:
        The number of pairs written since the last time.

    Raises:
        InputError: if no pair has a mask, or nnU-Net would not find the folder.

    Source: dataset_format.md of nnU-Net v2.
    """
    for part in parts(snapshot, folder, _name, masked=True):
        if not NAME.fullmatch(part.place.name):
            raise InputError(
                f"{folder}: nnU-Net finds a data set by the name of its folder, three digits and a "
                "word; write DatasetXXX_NAME, for example "
                f"{folder.parent / _name(0, snapshot.name)}"
            )
        yield from _write_part(part)


def _name(number: int, domain: str) -> str:
    word = "".join(piece.capitalize() for piece in re.split(r"[^A-Za-z0-9]+", domain))
    return f"Dataset{FIRST_NUMBER + number}_{word}"


def _write_part(part: Part) -> Iterator[int]:
    for name in ("imagesTr", "labelsTr"):
        (part.place / name).mkdir(parents=True)
    count = 0
    for pairs in part.masked_blocks():
        for at, row in enumerate(pairs.facets["row"]):
            save_png(pairs.images[at], part.place / "imagesTr" / f"pair_{row:06d}_0000.png")
            save_png(pairs.masks[at], part.place / "labelsTr" / f"pair_{row:06d}.png")
        count += len(pairs)
        yield len(pairs)
    _describe(part, count)


def _describe(part: Part, count: int) -> None:
    description = {
        "channel_names": {str(at): name for at, name in enumerate(_channels(part))},
        "labels": {name: index for index, name in part.classes.items()},
        "numTraining": count,
        "file_ending": ".png",
        "name": part.place.name,
        "description": part.origin,
    }
    text = json.dumps(description, indent=1)
    (part.place / "dataset.json").write_text(text, encoding="utf-8")


def _channels(part: Part) -> list[str]:
    if part.snapshot.layout.channels == 3:
        return ["R", "G", "B"]
    # nnU-Net scales a channel called CT as Hounsfield units, which 8-bit grey levels are not.
    return [f"8-bit {part.modality}".strip()]
