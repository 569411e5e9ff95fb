"""What `medpair init` writes: the table, the label map, the recipe and a contact sheet."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from evaluation.report.image_sheets import PER_ROW, contact_sheet
from factory.errors import InputError
from factory.identity import plain_name
from factory.images import ImageSection
from factory.layouts.listing import SHEET
from factory.layouts.table import as_csv
from factory.places import named_place
from factory.prompts.grid import PromptGrid
from factory.sources.cases import Cases
from factory.sources.folder import TABLE, FolderSource
from factory.sources.nnunet import NnunetSource
from factory.vocabulary import BACKGROUND, load_vocabulary
from flows.planning.recipe import Recipe, recipe_from
from flows.starting.inferred import Inferred
from flows.starting.recipe_text import Plan, fitting_size, recipe_text

LABELS = "classes.json"


@dataclass(frozen=True)
class Places:
    """Where things are written.

    Attributes:
        table: folder of metadata.csv and classes.json.
        recipe: the YAML file.
        sheet: the contact sheet.
    """

    table: Path
    recipe: Path
    sheet: Path


def places(folder: Path, out: Path | None, name: str) -> Places:
    """Where the files of a data set go: the table to the data or to `out`, the rest to where we are."""
    here = Path.cwd()
    plain_name(name)
    return Places(out or folder, here / f"{name}.yaml", here / f"{name}-{SHEET}")


def check_free(where: Places, *, nnunet: bool) -> None:
    """Whether nothing is in the way.

    Raises:
        InputError: with a line for each file that would be overwritten, or that cannot be written.
    """
    wanted = [] if nnunet else [where.table / TABLE, where.table / LABELS]
    lines = [
        f"{path} is there already, and may have been corrected by hand; say --force to write it "
        "anew, or --out DIR for another place"
        for path in (*wanted, where.recipe)
        if path.exists()
    ]
    if (
        where.table / TABLE in wanted
        and (where.table / TABLE).exists()
        and not where.recipe.exists()
    ):
        # As of an export, which is a data set already: writing it anew would lose what it says.
        lines.append(
            "the table says all that a run needs; any recipe reads it as it is: medpair run "
            f"RECIPE.yaml --set 'source={{kind: folder, path: {where.table}}}'"
        )
    if wanted and where.table.exists() and not os.access(where.table, os.W_OK):
        lines.append(f"{where.table} cannot be written; say --out DIR for the table's place")
    if lines:
        raise InputError("\n".join(lines))


def written(told: Inferred, where: Places, name: str) -> list[Path]:
    """Checks that the recipe runs on what was inferred, and writes all files.

    Raises:
        InputError: with a line for everything that keeps the source from being built; nothing is
            written then.
    """
    _make(where.table)  # paths may lead through it
    cases = _source(told, where)
    domain = _domain(told)
    text = recipe_text(_plan(told, where, name, cases, domain))
    recipe = recipe_from(yaml.safe_load(text), (), where.recipe.name)
    PromptGrid(recipe.grid, cases.domains)
    if cases.complaints:
        raise InputError("\n".join(cases.complaints))
    sheet = _sheet(told, cases, recipe)
    files: dict[Path, str | bytes] = {where.recipe: text, where.sheet: sheet}
    if not told.found.nnunet:
        names = {"0": BACKGROUND, **told.label_map}
        files[where.table / LABELS] = json.dumps(names, indent=1, ensure_ascii=False) + "\n"
        files[where.table / TABLE] = as_csv(told.rows(where.table))
    return _write(files)


def _make(folder: Path) -> None:
    with named_place(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _write(files: Mapping[Path, str | bytes]) -> list[Path]:
    for path, content in files.items():
        with named_place(path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(files)


def _source(told: Inferred, where: Places) -> Cases:
    if told.found.nnunet:
        return NnunetSource(path=told.folder.resolve()).build()
    outside = _elsewhere(told, where)
    spec = FolderSource(path=where.table.resolve(), domain=_domain(told), outside=outside)
    names = {0: BACKGROUND, **told.classes}
    return spec.of_rows(told.rows(where.table.resolve()), names)


def _elsewhere(told: Inferred, where: Places) -> bool:
    """Whether the table lies in another folder than the images."""
    return not told.folder.resolve().is_relative_to(where.table.resolve())


def _domain(told: Inferred) -> str | None:
    """The first of several known domains that fit, which must be named then; else None."""
    if told.found.nnunet:
        return None
    asked = [answer.text for answer in told.facets.values()]
    names = tuple(told.classes.values())
    same = [
        domain.name
        for domain in load_vocabulary().candidates(asked[0], asked[1], names)
        if set(domain.classes) == set(names)
    ]
    return same[0] if len(same) > 1 else None


def _plan(told: Inferred, where: Places, name: str, cases: Cases, domain: str | None) -> Plan:
    (only,) = cases.domains.values()
    count = len(told.found.rows)
    images = f"{count} volumes" if told.seen.volumes else f"{count} images"
    findings = list(only.findings) if told.findings else []
    return Plan(
        name=name,
        about=f"{images} with masks of {', '.join(told.classes.values())}; by medpair init",
        source={
            "kind": "nnunet" if told.found.nnunet else "folder",
            "path": _path(told.folder if told.found.nnunet else where.table, where.recipe.parent),
            **({"domain": domain} if domain else {}),
            **({"outside": True} if _elsewhere(told, where) and not told.found.nnunet else {}),
        },
        size=fitting_size(told.longest_side),
        channels=told.channels,
        slices=told.seen.shown.total(),
        facet="finding" if findings else "classes",
        wanted=[f for f in told.findings if f in findings] if findings else told.combinations,
    )


def _path(folder: Path, start: Path) -> str:
    """Relative where the folder lies below the recipe, else absolute."""
    whole = folder.resolve()
    return str(whole.relative_to(start)) if whole.is_relative_to(start) else str(whole)


def _sheet(told: Inferred, cases: Cases, recipe: Recipe) -> bytes:
    """A few pairs of each finding, as training will see them."""
    chosen: dict[str, list[int]] = {}
    for number, row in enumerate(told.found.rows):
        chosen.setdefault(row.finding, []).append(number)
    numbers = [n for group in chosen.values() for n in group[:: max(1, len(group) // PER_ROW)]]
    pairs = cases.preview(numbers, ImageSection(size=128, channels=recipe.image.channels))
    classes = {name: domain.classes for name, domain in cases.domains.items()}
    return contact_sheet(pairs, classes).png
