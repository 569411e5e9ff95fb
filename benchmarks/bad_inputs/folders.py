"""Folders of data whose tables, label maps and links are wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.bad_inputs import hostile
from benchmarks.bad_inputs.case import Case, Place, dry_run
from benchmarks.bad_inputs.ground import COLUMNS, RECIPE, TABLE
from benchmarks.bad_inputs.recipes import lay_paths

DATA = "data"
NNUNET: dict[str, Any] = {
    "channel_names": {"0": "US"},
    "labels": {"background": 0, "fetal head": 1},
    "numTraining": 6,
    "file_ending": ".png",
}
COCO: dict[str, Any] = {
    "images": [
        {"id": n, "file_name": f"images/{n}.png", "height": 40, "width": 40} for n in range(6)
    ],
    "annotations": [
        {
            "id": n,
            "image_id": n,
            "category_id": 1,
            "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]],
            "bbox": [10, 10, 20, 20],
            "area": 400,
            "iscrowd": 0,
        }
        for n in range(6)
    ],
    "categories": [{"id": 1, "name": "fetal head"}],
}
RUNS = ([0, 1600], [10**12], [-5, 1605], [1.5, 2], "0" * 500, "\u007f" * 40, [1] * 1600, None)
LABELME: dict[str, Any] = {
    "imageHeight": 40,
    "imageWidth": 40,
    "shapes": [
        {
            "label": "fetal head",
            "shape_type": "polygon",
            "points": [[10, 10], [30, 10], [30, 30], [10, 30]],
        }
    ],
}
MORE_COLUMNS = ("spacing", "text", "finding", "volume", "licence", "domain", "x")


def table(draw: random.Random, place: Place) -> Case:
    """A metadata.csv with cells, rows or columns that cannot be."""
    folder = place.ground.copy_folder(place.folder / DATA)
    lay_paths(folder)
    rows = list(csv.reader((folder / TABLE).read_text().splitlines()))
    for _ in range(draw.randint(1, 3)):
        TABLE_FAULTS[draw.choice(list(TABLE_FAULTS))](draw, rows)
    _write_table(folder / TABLE, rows)
    content = (folder / TABLE).read_bytes()
    if draw.random() < 0.15:
        (folder / TABLE).write_bytes(hostile.flipped(draw, content))
    elif draw.random() < 0.1:
        encoding = draw.choice(("utf-16", "utf-32", "latin-1"))
        (folder / TABLE).write_bytes(content.decode(errors="replace").encode(encoding, "replace"))
    return _read("a table", draw, place)


def label_map(draw: random.Random, place: Place) -> Case:
    """A classes.json that is none, or no file."""
    folder = place.ground.copy_folder(place.folder / DATA)
    file = folder / draw.choice(("classes.json", "dataset.json"))
    (folder / "classes.json").unlink()
    names = {"0": "background", "1": "fetal head"}
    content = names if file.name == "classes.json" else {"labels": names}
    _lay_json(draw, file, content)
    return _read("a label map", draw, place)


def nnunet(draw: random.Random, place: Place) -> Case:
    """A dataset.json of nnU-Net that is wrong, or its files."""
    folder = place.folder / DATA
    (folder / "imagesTr").mkdir(parents=True)
    (folder / "labelsTr").mkdir()
    for n in range(6):
        (folder / f"imagesTr/c{n}_0000.png").symlink_to(place.ground.folder / "images" / f"{n}.png")
        (folder / f"labelsTr/c{n}.png").symlink_to(place.ground.folder / "masks" / f"{n}.png")
    _lay_json(draw, folder / "dataset.json", NNUNET)
    if draw.random() < 0.4:
        return Case("nnU-Net, by init", ("init", DATA))
    source = {"kind": "nnunet", "path": DATA}
    return _of_source("nnU-Net", source, place)


def annotated(draw: random.Random, place: Place) -> Case:
    """Polygons and run lengths that are wrong, in COCO's or LabelMe's layout."""
    folder = place.ground.copy_folder(place.folder / DATA)
    if coco := draw.random() < 0.6:
        content = json.loads(json.dumps(COCO))
        if draw.random() < 0.4:
            size = draw.choice(([40, 40], [10**6, 10**6], [-1, 4], [1e300, 1], None))
            runs = {"counts": draw.choice(RUNS), "size": size}
            content["annotations"][0]["segmentation"] = runs
        if draw.random() < 0.2:
            content["images"][0]["height"] = draw.choice((10**6, 10**10, -1, 1e308, "40"))
    else:
        content = json.loads(json.dumps(LABELME))
        if draw.random() < 0.3:
            content["imageHeight"] = draw.choice((10**6, 10**10, -1, 1e308, "40"))
        if draw.random() < 0.3:
            content["shapes"][0]["points"] = draw.choice(
                (
                    [],
                    [[1]],
                    [[1e308, 1e308]] * 3,
                    [[-1e9, 0], [1e9, 1e9], [0, 1e9]],
                    "x",
                    [[1, 2, 3]],
                )
            )
        if draw.random() < 0.3:
            content["shapes"][0]["shape_type"] = draw.choice(("circle", "rectangle", "blob", None))
    _lay_json(draw, folder / "masks.json", content)
    rows = list(csv.reader((folder / TABLE).read_text().splitlines()))
    for number, row in enumerate(rows[1:]):
        row[1] = f"masks.json#{number}" if coco else "masks.json"
    _write_table(folder / TABLE, rows)
    return _read("annotations", draw, place)


def tree(draw: random.Random, place: Place) -> Case:
    """A folder for `medpair init` with links, pipes, odd names and damaged files in it."""
    folder = place.ground.copy_folder(place.folder / DATA)
    for name in (TABLE, "classes.json"):
        (folder / name).unlink()
    for _ in range(draw.randint(1, 3)):
        _spoil_tree(draw, folder)
    bad = hostile.text(draw).replace("\0", "")
    words = draw.choice(
        (
            (),
            ("--classes", bad),
            ("--name", bad),
            ("--modality", bad, "--anatomy", bad),
            ("--several", bad),
            ("--out", bad),
        )
    )
    return Case("a folder for init", ("init", DATA, *words))


def _spoil_tree(draw: random.Random, folder: Path) -> None:
    target = folder / draw.choice(("images", "masks")) / f"{draw.randrange(6)}.png"
    match draw.randrange(8):
        case 0:
            _replaced(target, os.mkfifo)
        case 1:
            _replaced(target, lambda path: path.symlink_to(path.name))
        case 2:
            _replaced(target, lambda path: path.symlink_to("/dev/zero"))
        case 3:
            _replaced(target, lambda path: path.write_bytes(b""))
        case 4 if not (folder / "images/again").exists():
            (folder / "images" / "again").symlink_to("..")
        case 5:
            odd = os.fsencode(folder / "images") + b"/\xff\xfe[red].png"
            Path(os.fsdecode(odd)).write_bytes(target.read_bytes() if target.is_file() else b"x")
        case 6:
            (folder / draw.choice(("dataset.json", "a.json"))).write_text(
                '{"shapes": 1, "labels": ['
            )
        case _:
            content = target.read_bytes() if target.is_file() and not target.is_symlink() else b"x"
            _replaced(target, lambda path: path.write_bytes(hostile.flipped(draw, content)))


def _replaced(path: Path, lay: Callable[[Path], object]) -> None:
    path.unlink(missing_ok=True)
    lay(path)


def _read(what: str, draw: random.Random, place: Place) -> Case:
    source: dict[str, Any] = {"kind": "folder", "path": DATA}
    if draw.random() < 0.2:
        source["masks"] = "optional"
    return _of_source(what, source, place)


def _of_source(what: str, source: object, place: Place) -> Case:
    grid = {"facets": {"classes": ["fetal head"]}, "replicates": 1}
    content = {**RECIPE, "source": source, "grid": grid}
    (place.folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    return Case(what, dry_run())


def _write_table(file: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, escapechar="\\").writerows(rows)
    file.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))


def _lay_json(draw: random.Random, file: Path, content: object) -> None:
    """JSON that is mutated, garbled, a trap, or no file at all."""
    match draw.randrange(8):
        case 0:
            text = json.dumps(content)
            file.write_bytes(hostile.flipped(draw, text.encode()))
        case 1:
            file.write_bytes(draw.choice(JSON_TRAPS).encode("utf-8", "surrogatepass"))
        case 2:
            draw.choice((os.mkfifo, os.mkdir, lambda path: path.symlink_to(path.name)))(file)
        case _:
            changed = hostile.mutated(draw, content, draw.randint(1, 2))
            file.write_text(json.dumps(changed))


JSON_TRAPS = (
    *("", "null", "[]", "1", '"x"', "{", "{}", '{"0": "background"}', '{"1": 1}', '{"a": "b"}'),
    *("[" * 100_000, '{"a":' * 100_000, '{"1": "' + "x" * 10**6 + '"}', '{"1": "a", "1": "b"}'),
    *(
        '{"1": "a", "01": "b"}',
        '{"1e3": "a"}',
        '{"-1": "a"}',
        '{"1": "\\ud800"}',
        '{"1": "\\u0000"}',
    ),
    '{"' + "9" * 5000 + '": "a"}',
    '{"1": ' + "9" * 5000 + "}",
    '{"labels": ' + "1" * 10_000 + "}",
    '{"1": NaN, "2": Infinity}',
    json.dumps({str(n): f"c{n}" for n in range(70_000)}),
    json.dumps({str(n): "same" for n in range(300)}),
    '{"1": "[red]x[/red]", "2": "[/]"}',
    "\ufeff{}",
    "\udcff",
)


def _cell(draw: random.Random, rows: list[list[str]]) -> None:
    row = draw.choice(rows[1:] or rows)
    if row:
        row[draw.randrange(len(row))] = hostile.text(draw)


def _path(draw: random.Random, rows: list[list[str]]) -> None:
    row = draw.choice(rows[1:] or rows)
    if len(row) > 1:
        row[draw.randrange(2)] = draw.choice(
            (*hostile.PATHS, "../../out.png", "images/../../x.png", "images", "#", ";", "a#b;c#d")
        )


def _columns(draw: random.Random, rows: list[list[str]]) -> None:
    count = draw.choice((1, 30, 5000))
    for number, row in enumerate(rows):
        row.extend(f"c{n}" if not number else "x" for n in range(count))


def _column(draw: random.Random, rows: list[list[str]]) -> None:
    rows[0].append(draw.choice((*MORE_COLUMNS, *COLUMNS)))
    for row in rows[1:]:
        row.append(hostile.text(draw))


def _renamed(draw: random.Random, rows: list[list[str]]) -> None:
    rows[0][draw.randrange(len(rows[0]))] = hostile.text(draw)


def _dropped(draw: random.Random, rows: list[list[str]]) -> None:
    del rows[draw.randrange(len(rows))]
    rows.append(list(COLUMNS))


def _wide(draw: random.Random, rows: list[list[str]]) -> None:
    draw.choice(rows).extend(["x"] * draw.choice((1, 1000)))


def _many(draw: random.Random, rows: list[list[str]]) -> None:
    rows.extend([[f"no{n}.png", f"no{n}.png"] for n in range(draw.choice((50, 3000)))])


TABLE_FAULTS: dict[str, Callable[[random.Random, list[list[str]]], None]] = {
    "cell": _cell,
    "path": _path,
    "columns": _columns,
    "column": _column,
    "renamed": _renamed,
    "dropped": _dropped,
    "wide": _wide,
    "many": _many,
}
