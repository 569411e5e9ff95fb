"""The rows of a metadata.csv from what was found."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from factory.layouts.layout import FoundMask, FoundRow
from factory.layouts.survey import Values
from factory.sources.folder import COLUMNS, REQUIRED, Row
from factory.sources.splits import HELD_OUT, SPLITS, first_units, leaks


def cell(row: FoundRow, values: Mapping[str, int]) -> str:
    """The mask column of a row.

    Args:
        row: an image with its masks.
        values: structure -> value in the mask, where the masks of an image are classes.
    """
    return ";".join(_part(mask, values) for mask in row.masks)


def _part(mask: FoundMask, values: Mapping[str, int]) -> str:
    return f"{mask.path}#{values[mask.structure]}" if mask.structure in values else mask.text


def table(
    rows: Sequence[FoundRow],
    shown: Sequence[Values],
    classes: Mapping[int, str],
    facets: Mapping[str, str],
    structures: Mapping[str, int],
    placed: Callable[[str], str],
) -> list[Row]:
    """One row per image, every column that the source `folder` knows, "" where nothing is known.

    Args:
        rows: the images.
        shown: for each, the values in its mask.
        classes: value -> class.
        facets: modality and anatomy, the same in all rows.
        structures: see `cell`.
        placed: a path within the found folder -> within the folder of the table.
    """
    return [
        dict.fromkeys(COLUMNS, "")
        | {
            "image": placed(row.image),
            "mask": cell(
                replace(
                    row, masks=tuple(replace(mask, path=placed(mask.path)) for mask in row.masks)
                ),
                structures,
            ),
            "split": row.split,
            "patient": row.patient,
            "labels": ";".join(classes[value] for value in sorted(values)),
            "finding": row.finding,
            **facets,
        }
        for row, values in zip(rows, shown, strict=True)
    ]


def as_csv(rows: Sequence[Row]) -> str:
    """The table as text; columns that no row fills are left out."""
    columns = [
        name for name in COLUMNS if name in (*REQUIRED, "labels") or any(row[name] for row in rows)
    ]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def with_splits(rows: Sequence[FoundRow]) -> tuple[list[FoundRow], list[str]]:
    """The rows with validation and test images for each split that folders do not name.

    Returns:
        The rows, and a sentence for whatever was changed. Rows without any split stay so: the
        source divides them by patient.
    """
    rows, notes = list(rows), []
    if leaks([row.patient for row in rows if row.patient], [r.split for r in rows if r.patient]):
        rows = [replace(row, patient="") for row in rows]
        notes.append("patients guessed from file names lie in several splits, so they are not used")
    told = {row.split for row in rows}
    if told == {""} or "" in told:
        return rows, notes
    if "train" not in told:
        notes.append("no folder is called after training: all images are divided anew, by patient")
        return [replace(row, split="") for row in rows], notes
    for split in SPLITS[1:]:
        if split not in told:
            rows = _held_out(rows, split)
            notes.append(f"no folder is called {split}: 15 % of the training patients are taken")
    return rows, notes


def _held_out(rows: Sequence[FoundRow], split: str) -> list[FoundRow]:
    units = {row.patient or row.image for row in rows if row.split == "train"}
    chosen = first_units(units, min(len(units) - 1, max(1, round(len(units) * HELD_OUT))), seed=0)
    return [
        replace(row, split=split)
        if row.split == "train" and (row.patient or row.image) in chosen
        else row
        for row in rows
    ]
