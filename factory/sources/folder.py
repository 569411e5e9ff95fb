"""A folder of images and masks with a metadata.csv."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from factory.errors import InputError
from factory.places import leads_out, path_fault
from factory.sources.base import LimitedSpec
from factory.sources.files.table import lines_in_words, read_table, spacing_mm
from factory.sources.image_files import is_coloured
from factory.sources.label_map import (
    Names,
    check_names,
    codes,
    own_domain,
    read_names,
    with_findings,
)
from factory.sources.mask_parts.part import parse_cell
from factory.sources.mask_parts.registry import is_plain
from factory.sources.splits import SPLITS, leaks
from factory.vocabulary import Domain, Vocabulary, load_vocabulary, plain, unknown_name

if TYPE_CHECKING:
    from factory.sources.cases import Case, Cases

log = logging.getLogger(__name__)

TABLE = "metadata.csv"
REQUIRED = ("image", "mask")
ALIKE = 0.82  # from here on a column's name is one that is known, misspelt: "lables", "patient_id"
COLUMNS = (
    *(*REQUIRED, "split", "patient", "modality", "anatomy", "labels", "finding", "text"),
    *("spacing", "volume", "licence", "domain"),
)


Row = Mapping[str, str]
Group = tuple[str, str, str]  # modality, anatomy, and the domain where the table names one


class FolderSource(LimitedSpec):
    """Recipe section of a folder with a metadata.csv, one row per image or volume.

    Columns: image and mask (paths within the folder; PNG, JPEG, TIFF or NIfTI; for the parts of a
    mask see `mask_parts.part.parse_cell`) and, where known,
    split, patient, modality, anatomy, labels (classes that may be shown, joined by ";"), finding,
    text, spacing (mm, "row;column" or one number), volume (which a flat image was cut from),
    licence and domain (of the vocabulary; any other name is left alone). Other columns are left alone,
    unless they are called nearly so. Masks hold class indices, which classes.json names.

    Attributes:
        path: the folder.
        limit: takes this many training patients; None takes all.
        limit_seed: which ones; a smaller limit of the same seed takes a part of a larger one's.
        split_seed: divides the rows without a split.
        resplit: whether all rows are divided anew, whatever the column split says.
        masks: "optional" takes an image whose mask the table leaves empty, for generators and
            scores that need none; "required" refuses it.
        domain: name of the vocabulary's domain; None takes what the table names, else finds it by
            modality, anatomy and classes, or makes one after the folder's name where classes.json says what the masks hold.
        slices: of a volume, those with a class ("labelled") or "all".
        outside: whether the table may name files outside of the folder, by ".." or a whole path.
        tiles: whether flat images are cut into tiles instead of shrunk, see `decoding.corners`.
    """

    kind: Literal["folder"] = "folder"
    path: Path
    limit: Annotated[int, Field(ge=1)] | None = None
    limit_seed: Annotated[int, Field(ge=0)] = 0
    split_seed: Annotated[int, Field(ge=0)] = 0
    resplit: bool = False
    masks: Literal["required", "optional"] = "required"
    domain: str | None = None
    slices: Literal["labelled", "all"] = "labelled"
    # Left out of a dump where it is not used: what was made before it was there keeps its record.
    outside: bool = Field(default=False, exclude_if=lambda outside: not outside)
    tiles: bool = Field(default=False, exclude_if=lambda tiles: not tiles)

    def build(self) -> Cases:
        """The source itself; reads the table, not yet the images.

        Raises:
            InputError: if folder or table are missing, or the domain stays unclear.
        """
        return self.of_rows(read_rows(self.path), read_names(self.path))

    def of_rows(self, rows: Sequence[Row], names: Names | None) -> Cases:
        """The source of a table and a label map that need not have been written yet.

        Raises:
            InputError: if the domain stays unclear.
        """
        from factory.sources.cases import Cases, Choice

        if self.resplit:
            rows = [{**row, "split": ""} for row in rows]
        with _told_with(_value_faults(rows)):
            chosen = domains_of(self.path, rows, names, self.domain, load_vocabulary())
            cases = [_case(self.path, row, chosen.name_of(row)) for row in rows]
            if not self.outside:
                _check_inside(self.path, cases)
        if self.masks == "optional":
            pairs = zip(cases, rows, strict=True)
            cases = [case if row["mask"] else replace(case, mask=None) for case, row in pairs]
        blank = sum(not case.patient for case in cases)
        if blank:
            log.warning(
                "%s: %d of %d rows name no patient; each counts as a patient of its own",
                self.path.name,
                blank,
                len(cases),
            )
        return Cases(
            self.path,
            cases,
            chosen.domains,
            {name: codes(names, domain) for name, domain in chosen.domains.items()},
            Choice(self.limit, self.limit_seed, self.split_seed, self.slices, self.tiles),
            " | ".join(sorted({row["licence"] for row in rows} - {""})) or "unknown",
            tuple(_complaints(rows, cases, chosen)),
        )


@dataclass(frozen=True)
class Domains:
    """The domains of a folder, and which rows belong to which."""

    domains: Mapping[str, Domain]
    by_group: Mapping[Group, str]

    def name_of(self, row: Row) -> str:
        """Name of the domain of a row."""
        return self.by_group[_group(row)]


def read_rows(folder: Path) -> list[Row]:
    """The rows of a folder's metadata.csv: every known column as text, "" where it is missing.

    Raises:
        InputError: if folder or table is missing; else with a line for everything that is wrong
            with columns and cells. A column that is called nearly as one that is missing is wrong.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; correct the path of the source")
    path = folder / TABLE
    if not path.is_file():
        raise InputError(f"{path} is missing: it must list the images with the columns image, mask")
    _, raw = read_table(path, _column_faults)
    rows: list[Row] = [{name: row.get(name, "") for name in COLUMNS} for row in raw]
    if faults := [f"{path}{fault}" for fault in _cell_faults(folder, rows)]:
        raise InputError("\n".join([*faults, *_value_faults(rows)]))
    return rows


def _column_faults(columns: Sequence[str]) -> Iterator[str]:
    """Columns that seem to be misspelt, whose cells would be left alone, and such as are missing."""
    free = [name for name in COLUMNS if name not in columns]
    meant = {
        name: alike[0]
        for name in columns
        if name not in COLUMNS and (alike := get_close_matches(name.casefold(), free, 1, ALIKE))
    }
    for name, near in meant.items():
        yield (
            f" has no column {near!r}, and {name!r}, which is near, is not read; rename it so, or to "
            "what is meant"
        )
    for name in REQUIRED:
        if name not in columns and name not in meant.values():
            yield f" has no column {name!r}; its columns are {', '.join(columns)}"


def _cell_faults(folder: Path, rows: Sequence[Row]) -> Iterator[str]:
    """What is wrong with the cells of image and mask, each fact with its lines."""
    if not rows:
        yield " lists no images: there is nothing to learn from"
    found: dict[str, list[int]] = {}
    for number, row in enumerate(rows, start=2):
        if not row["image"]:
            found.setdefault("the image column is empty; name the image", []).append(number)
        for column in REQUIRED:
            for part in row[column].split(";"):
                if fault := path_fault(folder, part):
                    fact = f"the {column} column {fault}; correct it"
                    found.setdefault(fact, []).append(number)
    for fact, numbers in found.items():
        yield f"{lines_in_words(numbers)}: {fact}"


@contextmanager
def _told_with(faults: Iterable[str]) -> Iterator[None]:
    """Tells other faults with the one that ends the block."""
    try:
        yield
    except InputError as error:
        raise InputError("\n".join([str(error), *faults])) from error


def _check_inside(folder: Path, cases: Sequence[Case]) -> None:
    """Refuses what would carry a file from elsewhere into a model, an export or a report."""
    files = ((case, path) for case in cases for path in _named(case))
    out = {path: case for case, path in files if leads_out(folder, path)}
    for path, case in out.items():
        raise InputError(
            f"{folder / TABLE} names {len(out)} files outside of its folder, the first {path} for "
            f"{case.name}, and a table from elsewhere has no business there; move them into the "
            "folder or, where the table is your own, say source.outside: true in a recipe"
        )


def domains_of(
    folder: Path,
    rows: Sequence[Row],
    names: Names | None,
    given: str | None,
    vocabulary: Vocabulary,
) -> Domains:
    """The domain of every modality and anatomy in the rows, with the rows' findings added.

    Raises:
        InputError: if a domain stays unclear, or the label map has a class none of them knows.
    """
    groups = dict.fromkeys(_group(row) for row in rows)
    domains: dict[str, Domain] = {}
    by_group: dict[Group, str] = {}
    for group in groups:
        members = [row for row in rows if _group(row) == group]
        if named := given or group[-1]:
            domain = vocabulary.domain(named)
        else:
            domain = _find(folder, members, names, vocabulary, alone=len(groups) == 1)
        # Two groups can share a domain; its findings are those of both.
        domain = domains.get(domain.name, domain)
        labelled = any(row["labels"] for row in members)
        seen = [(r["finding"], _labels(r) if labelled else domain.classes) for r in members]
        domains[domain.name] = with_findings(domain, seen)
        by_group[group] = domain.name
    if names is not None:
        check_names(names, domains.values(), f"the label map of {folder.name}")
    return Domains(domains, by_group)


def _find(
    folder: Path,
    rows: Sequence[Row],
    names: Names | None,
    vocabulary: Vocabulary,
    *,
    alone: bool,
) -> Domain:
    modality, anatomy = (re.sub(r"\s*\([^)]*\)", "", rows[0][n]) for n in ("modality", "anatomy"))
    labels = tuple(dict.fromkeys(name for row in rows for name in _labels(row)))
    if names is None:
        return vocabulary.match(modality, anatomy, labels)
    if alone or not labels:
        labels = tuple(name for value, name in sorted(names.items()) if value)
    same = [
        domain
        for domain in vocabulary.candidates(modality, anatomy, labels)
        if set(domain.classes) == set(labels)
    ]
    if same:
        return vocabulary.match(modality, anatomy, labels)
    name = folder.resolve().name if alone else f"{folder.resolve().name} {modality} {anatomy}"
    return own_domain(
        name, modality, anatomy, names, vocabulary, colour=is_coloured(folder / rows[0]["image"])
    )


def _group(row: Row) -> Group:
    named = row.get("domain", "")
    known = named if named in load_vocabulary().domains else ""
    return plain(row["modality"]), plain(row["anatomy"]), known


def _labels(row: Row) -> list[str]:
    return [name.strip() for name in row["labels"].split(";") if name.strip()]


def _case(folder: Path, row: Row, domain: str) -> Case:
    from factory.sources.cases import Case

    parts = parse_cell(folder, row["mask"])
    return Case(
        row["image"],
        (folder / row["image"],),
        parts[0].path,
        domain,
        row["split"] if row["split"] in SPLITS else "",
        row["patient"],
        row["finding"],
        row["text"],
        spacing_mm(row["spacing"]) or (np.nan, np.nan),
        row["volume"],
        parts=() if is_plain(parts) else parts,
    )


def _named(case: Case) -> Iterator[Path]:
    yield from case.images
    yield from (part.path for part in case.parts)
    if case.mask is not None:
        yield case.mask


def _complaints(rows: Sequence[Row], cases: Sequence[Case], domains: Domains) -> list[str]:
    found = list(_value_faults(rows))
    for row in rows:
        classes = domains.domains[domains.name_of(row)].classes
        strange = [label for label in _labels(row) if label not in classes]
        found += [str(unknown_name("class", label, classes, row["image"])) for label in strange]
    return [*found, *leaks([case.unit for case in cases], [case.split for case in cases])]


def _value_faults(rows: Sequence[Row]) -> Iterator[str]:
    """What is wrong with rows whatever their domain is."""
    for name, count in Counter(row["image"] for row in rows).items():
        if count > 1 and name:
            yield f"{name} is listed {count} times in {TABLE}; keep one row per image"
    for row in rows:
        name, spacing = row["image"], row["spacing"]
        if row["split"] not in ("", *SPLITS):
            yield str(unknown_name("split", row["split"], SPLITS, name))
        if spacing and spacing_mm(spacing) is None:
            yield f"{name}: spacing {spacing!r} is no number of mm, or two, as in 0.5;0.5"
