"""A task of the Medical Segmentation Decathlon: dataset.json that lists images with their labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from factory.errors import InputError
from factory.layouts.layout import Found, FoundMask, FoundRow, paths_of, some, unlabelled
from factory.layouts.listing import Listing, bare_name
from factory.layouts.names import guess_patients
from factory.sources.label_map import parse_names, read_json


def find_decathlon(listing: Listing) -> Found | None:
    """The entries of `training`; None where dataset.json is missing or lists none."""
    path = listing.folder / "dataset.json"
    if not path.is_file() or not isinstance(entries := read_json(path).get("training"), list):
        return None
    told = read_json(path)
    there = set(listing.files)
    pairs = [_pair(entry) for entry in entries if isinstance(entry, Mapping)]
    whole = [pair for pair in pairs if there.issuperset(pair)]
    if not whole:
        raise InputError(f"{path}: lists {len(entries)} images, and none with its label is there")
    patients = guess_patients([bare_name(image) for image, _ in whole])
    rows = [
        FoundRow(str(image), (FoundMask(str(label)),), patient=patient)
        for (image, label), patient in zip(whole, patients, strict=True)
    ]
    lost = [str(image) for image, label in pairs if not there.issuperset((image, label))]
    notes = [f"{len(lost)} listed pairs are not there and left out: {some(lost)}"] if lost else []
    notes.extend(
        unlabelled(listing, paths_of(rows) | {str(path) for pair in pairs for path in pair})
    )
    names = parse_names(told.get("labels"), "dataset.json, labels")
    classes = {value: name for value, name in names.items() if value}
    return Found(
        "Medical Segmentation Decathlon", tuple(rows), classes, modality=_modality(told), notes=tuple(notes)
    )  # fmt: skip


def _pair(entry: Mapping[str, object]) -> tuple[PurePosixPath, PurePosixPath]:
    return PurePosixPath(str(entry.get("image", ""))), PurePosixPath(str(entry.get("label", "")))


def _modality(told: Mapping[str, object]) -> str:
    modality = told.get("modality")
    return str(next(iter(modality.values()))) if isinstance(modality, dict) and modality else ""
