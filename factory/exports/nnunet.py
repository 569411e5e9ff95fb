"""A raw data set of nnU-Net v2: dataset.json, imagesTr and labelsTr."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from factory.errors import InputError
from factory.exports.by_domain import Part
from factory.exports.volumes import (
    ENDING,
    is_stacked,
    save_volume,
    whole_volumes,
)
from factory.store.snapshot import Snapshot
from factory.visible_files import visible

FIRST_NUMBER, LAST_NUMBER = 501, 999  # nnU-Net's own data sets lie below
NAME = re.compile(r"Dataset(\d{3})_(\w+)")


def nnunet_folders(snapshot: Snapshot, folder: Path, domains: Sequence[str]) -> Sequence[Path]:
    """Data sets that nnU-Net knows by the names of their folders, side by side.

    One domain becomes the folder itself, DatasetXXX_NAME. Several become DatasetXXX_NAME1,
    DatasetYYY_NAME2, ... beside it, counted on from its number; in a folder of another name they
    lie below it, from 501 on, so that it is a nnUNet_raw of its own.

    Raises:
        InputError: if nnU-Net would not find one of them, or find another in its place.
    """
    named = NAME.fullmatch(folder.name)
    if len(domains) == 1 and not named:
        raise InputError(
            f"{folder}: nnU-Net finds a data set by the name of its folder, three digits and a "
            "word; write DatasetXXX_NAME, for example "
            f"{folder.parent / _name(FIRST_NUMBER, snapshot.name)}"
        )
    if not named:
        places = [folder / _name(FIRST_NUMBER + at, name) for at, name in enumerate(domains)]
    elif len(domains) == 1:
        places = [folder]
    else:
        number, word = int(named[1]), named[2]
        names = [_name(number + at, name, word) for at, name in enumerate(domains)]
        places = [folder.with_name(name) for name in names]
    _check_numbers(places)
    return places


def _name(number: int, domain: str, word: str = "") -> str:
    pieces = re.split(r"[^A-Za-z0-9]+", domain)
    return f"Dataset{number:03d}_{word}{''.join(piece.capitalize() for piece in pieces)}"


def _check_numbers(places: Sequence[Path]) -> None:
    for place in places:
        prefix = place.name.partition("_")[0] + "_"
        if not NAME.fullmatch(place.name):
            raise InputError(
                f"{place}: nnU-Net's data sets have numbers of three digits, and these do not fit "
                f"below {LAST_NUMBER + 1}; begin with a smaller number"
            )
        taken = [path.name for path in place.parent.glob(f"{prefix}*") if path != place]
        if taken or visible(place):
            raise InputError(
                f"{place.parent} has {(taken or [place.name])[0]}, and nnU-Net takes a number only "
                f"once, so {place.name} cannot lie beside it; choose numbers that are free"
            )


def write_nnunet(part: Part) -> Iterator[int]:
    """Writes every pair that has a mask as a training case in PNG; nnU-Net makes its own folds.

    Slices of volumes become cases of three dimensions, in NIfTI.

    Yields:
        The number of pairs written since the last time.

    Source: dataset_format.md of nnU-Net v2.
    """
    for name in ("imagesTr", "labelsTr"):
        (part.place / name).mkdir(parents=True)
    if is_stacked(part):
        yield from _write_volumes(part)
        return
    count = 0
    for pairs in part.blocks():
        for at, row in enumerate(pairs.facets["row"]):
            part.save_png(pairs.images[at], part.place / "imagesTr" / f"pair_{row:06d}_0000.png")
            part.save_png(pairs.masks[at], part.place / "labelsTr" / f"pair_{row:06d}.png")
        count += len(pairs)
        yield len(pairs)
    _describe(part, count, ".png")


def _write_volumes(part: Part) -> Iterator[int]:
    told = f"Synthetic, snapshot {part.snapshot.id}, {part.snapshot.name}"
    count = 0
    for name, pairs in whole_volumes(part):
        image, label = f"imagesTr/{name}_0000{ENDING}", f"labelsTr/{name}{ENDING}"
        for file, voxels in ((image, pairs.images[..., 0]), (label, pairs.masks)):
            save_volume(voxels, part.place / file, pairs, told)
        count += 1
        yield len(pairs)
    _describe(part, count, ENDING)


def _describe(part: Part, count: int, ending: str) -> None:
    description = {
        "channel_names": {str(at): name for at, name in enumerate(_channels(part))},
        "labels": {name: index for index, name in part.classes.items()},
        "numTraining": count,
        "file_ending": ending,
        "name": part.place.name,
        "description": part.origin,
        "licence": part.told.licence,
    }
    text = json.dumps(description, indent=1)
    (part.place / "dataset.json").write_text(text, encoding="utf-8")


def _channels(part: Part) -> list[str]:
    if part.snapshot.layout.channels == 3:
        return ["R", "G", "B"]
    # nnU-Net scales a channel called CT as Hounsfield units, which 8-bit grey levels are not.
    return [f"8-bit {part.modality}".strip()]
