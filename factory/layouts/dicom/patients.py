"""Patients of DICOM files, as numbers, and what their headers say of modality and anatomy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from factory.layouts.dicom.read import Read
from factory.layouts.layout import Found, FoundRow
from factory.sources.splits import leaks

MODALITIES: Mapping[str, str] = {
    **dict.fromkeys(("CR", "DX", "RF", "XA", "PX", "IO"), "X-ray"),
    "MG": "mammography",
    "CT": "CT",
    "MR": "MRI",
    "PT": "PET",
    **dict.fromkeys(("US", "IVUS"), "ultrasound"),
    "OP": "fundus photography",
    "OPT": "optical coherence tomography",
    "SM": "histology",
    "GM": "microscopy",
}
FEWEST = 3  # patients: one for each split


def with_patients(found: Found, read: Read) -> Found:
    """The rows with patients as the headers tell them, by number: their IDs are written nowhere."""
    units = {unit.image: unit.headers[0] for unit in read.units}
    for what in ("patient", "study"):
        told = [str(getattr(units[row.image], what)) for row in found.rows]
        if all(told) and len(set(told)) >= FEWEST:
            numbers = {each: f"{what}-{at}" for at, each in enumerate(dict.fromkeys(told), 1)}
            rows = [replace(r, patient=numbers[t]) for r, t in zip(found.rows, told, strict=True)]
            return replace(found, rows=tuple(_without_leaks(rows)), patients_from=_origin(what))
    return found


def _origin(what: str) -> str:
    return f"told by the {what} of each file, as numbers; IDs are written nowhere"


def _without_leaks(rows: Sequence[FoundRow]) -> Sequence[FoundRow]:
    """Without splits where a patient lies in two: real patients come before names of folders."""
    if not leaks([row.patient for row in rows], [row.split for row in rows]):
        return rows
    return [replace(row, split="") for row in rows]


def facets(found: Found, read: Read) -> tuple[str, str]:
    """Modality and anatomy, where all rows are of one."""
    units = {unit.image: unit.headers[0] for unit in read.units}
    used = [units[row.image] for row in found.rows]
    modalities = {MODALITIES.get(header.modality, "") for header in used}
    parts = {header.body_part.lower() for header in used}
    return _only(modalities), _only(parts)


def _only(words: set[str]) -> str:
    return next(iter(words)) if len(words) == 1 else ""
