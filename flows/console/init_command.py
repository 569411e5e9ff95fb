"""`medpair init`: from a folder of images and masks to a recipe that runs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.console.session import Json
from flows.console.terminal import Terminal

if TYPE_CHECKING:
    from flows.starting.answers import Ask
    from flows.starting.inferred import Inferred


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Your images and masks.")],
    name: Annotated[str, typer.Option(help="Of the data set; else after the folder.")] = "",
    modality: Annotated[str, typer.Option(help="In free words: ultrasound, CT, …")] = "",
    anatomy: Annotated[str, typer.Option(help="In free words: breast, liver, …")] = "",
    classes: Annotated[
        str, typer.Option(help="Names by mask value: 'liver, spleen' or '1=liver, 2=spleen'.")
    ] = "",
    several: Annotated[
        str, typer.Option(help="Several masks of an image: classes, join, or the one to take.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for metadata.csv and classes.json, not FOLDER.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    json_: Json = False,
) -> None:
    """Looks at a folder of images and masks, and writes a recipe that runs on it."""
    from factory.identity import LONGEST_NAME, slug
    from factory.layouts import recognise
    from flows.starting.answers import Given, several_masks
    from flows.starting.files import check_free, places, written
    from flows.starting.inferred import infer, looked_through

    data_set, given, ask = (
        name or slug(folder.resolve().name, LONGEST_NAME) or "own-data",
        Given(modality, anatomy, classes, several),
        _asking(json_),
    )
    where, found = places(folder, out, data_set), recognise(folder)
    if not force:
        check_free(where, nnunet=found.nnunet)
    answer = several_masks(found, given, ask)
    # A question would stand among moving bars: each stage has a terminal of its own.
    with Terminal(json_).working():
        look = looked_through(folder, found, answer)
    told = infer(look, given, ask)
    with Terminal(json_).working():
        paths = written(told, where, data_set)
    Terminal(json_).show(_result(told, paths), _text(told, paths))


def _asking(json_wanted: bool) -> Ask:
    from flows.starting.answers import unasked

    return _prompt if sys.stdin.isatty() and sys.stderr.isatty() and not json_wanted else unasked


def _prompt(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, err=True))


def _result(told: Inferred, paths: list[Path]) -> dict[str, object]:
    rows, seen = told.found.rows, told.seen
    return {
        "layout": told.found.layout,
        "images": len(rows),
        "slices": seen.slices if seen.volumes else None,
        "masks": sum(len(row.masks) for row in rows),
        "sizes": [{"width": width, "height": height} for height, width in sorted(set(seen.sides))],
        "channels": told.channels,
        "classes": told.label_map,
        "findings": Counter(row.finding for row in rows if row.finding),
        "splits": Counter(row.split for row in rows if row.split),
        "patients": told.patients,
        **{facet: answer.text for facet, answer in told.facets.items()},
        "notes": told.found.notes,
        "written": paths,
    }


def _text(told: Inferred, paths: list[Path]) -> RenderableType:
    """What was inferred and what to do next; fits 80 columns."""
    from flows.console.tables.result_tables import short_path

    table = Table(box=None, show_header=False, pad_edge=False, width=min(80, Console().width))
    for label, value in _lines(told):
        table.add_row(f"{label}:", Text(value))  # names of classes are no markup
    for label, each in zip(("recipe", "sheet", "labels", "table"), paths, strict=False):
        table.add_row(f"{label}:", Text(str(short_path(each))))
    recipe = short_path(paths[0])
    last = f"Look at the sheet, then:\n  medpair run {recipe} --dry-run\n  medpair run {recipe}"
    return Group(table, "", Text(last))


def _lines(told: Inferred) -> Iterator[tuple[str, str]]:
    rows, seen = told.found.rows, told.seen
    masks = sum(len(row.masks) for row in rows)
    yield "layout", told.found.layout
    volumes = f" volumes with {seen.slices} slices" if seen.volumes else ""
    yield (
        "images",
        f"{len(rows)}{volumes}, {'colour' if told.channels == 3 else 'grey'}, {_sizes(seen.sides)}",
    )
    yield (
        "masks",
        f"{masks}{'' if masks == len(rows) else f', several of one image: {_several(told)}'}",
    )
    for value, (text, name) in zip(told.classes, told.label_map.items(), strict=True):
        count = sum(value in values for values in seen.values)
        yield f"class {text}", f"{name}, in {count} of {len(rows)} masks"
    yield "names", told.classes_from
    for facet, answer in told.facets.items():
        yield facet, f"{answer.text} ({answer.origin})" if answer.text else answer.origin
    yield from _division(told)
    for note in told.found.notes:
        yield "note", note


def _division(told: Inferred) -> Iterator[tuple[str, str]]:
    rows = told.found.rows
    findings, splits = (
        Counter(getattr(row, name) for row in rows if getattr(row, name))
        for name in ("finding", "split")
    )
    if findings:
        yield "findings", _counted(findings)
    yield "splits", _counted(splits) or "none told; divided by patient, 70, 15 and 15 %"
    guess = f"{told.patients}, {told.found.patients_from}"
    yield "patients", guess if told.patients else "unknown; each image counts as one of its own"


def _several(told: Inferred) -> str:
    return ", ".join(told.structures) or "joined"


def _sizes(sides: list[tuple[int, int]]) -> str:
    heights, widths = zip(*sides, strict=True)
    ends = (f"{end(widths)} x {end(heights)}" for end in (min, max))
    return f"{' to '.join(dict.fromkeys(ends))} pixels (width x height)"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
