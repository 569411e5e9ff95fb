"""What pairs are worth, as people read it on a terminal: a short table for each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from evaluation.metrics.registry import Score
from evaluation.report.answers.answer import answers
from evaluation.report.answers.help_sentence import help_sentence
from evaluation.report.wording import in_words, number
from evaluation.utility.exposure import MEANING
from evaluation.utility.segmenter_test import MACRO
from flows.console.tables.layout import cell, frame, interval, path_line, signed_interval

if TYPE_CHECKING:
    from flows.utility import UtilityResult

Row = Mapping[str, object]


@dataclass(frozen=True)
class Measured:
    """What one task's networks are measured by: heading -> column."""

    network: str
    levels: Mapping[str, str]
    gain: str
    bare: Mapping[str, str]  # those without an interval


SEGMENTER = Measured("segmenter", {"Dice": "dice"}, "Dice gained", {"worst decile": "dice_worst"})
CLASSIFIER = Measured(
    "classifier", {"AUROC": "auroc", "balanced accuracy": "balanced_accuracy"}, "AUROC gained", {}
)


def utility(found: UtilityResult) -> RenderableType:
    """What pairs are worth to segmenters and to classifiers."""
    classes = found.classes
    return Group(
        Text(f"{found.version}, {_tested_on(found)}"),
        *_verdict(found.scores),
        *_headlines(found.scores),
        *_task(SEGMENTER, found.levels, found.gains),
        *_structures(found.levels),
        *unseen_tables(found.unseen),
        *_task(CLASSIFIER, classes["levels"], classes["gains"]),
        *_equivalents([*found.equivalent_images, *classes["equivalent_images"]]),
        *_provenances([*found.levels, *classes["levels"]]),
        *([] if found.file is None else [Text("all tables:"), path_line(found.file)]),
        *([Text("every case of every arm:")] if found.cases else []),
        *(path_line(file) for file in found.cases),
    )


def _tested_on(found: UtilityResult) -> str:
    if found.folds is not None:
        return f"every patient tested once, in {found.folds} folds with a generator each"
    return f"tested on the {found.split} split" + f" of {found.against}" * bool(found.against)


def _verdict(scores: Sequence[Score]) -> Iterator[RenderableType]:
    """Whether the pairs help, as at the end of a run."""
    (answer,) = (each for each in answers(scores) if each.key == "utility")
    if said := help_sentence({score.metric: score for score in scores}, answer.verdict):
        yield Text(said, style="bold")


def _headlines(scores: Sequence[Score]) -> Iterator[RenderableType]:
    """The last score of each name: over all domains, at the fewest real images.

    Equivalent images stand in words below: a number could not say "fewer than 5".
    """
    counted = (score for score in scores if not score.metric.endswith("equivalent_images"))
    last = {score.metric: score for score in counted}
    if last:
        yield from _below(
            "In short (mean over domains, fewest real images)",
            [
                {"": in_words(name), "value": interval(s.value, s.low, s.high), "n": s.n}
                for name, s in last.items()
            ],
        )


def _task(task: Measured, levels: Sequence[Row], gains: Sequence[Row]) -> Iterator[RenderableType]:
    for rows in _apart(_overall(gains), task.network):
        yield from _below(
            f"What do pairs add? ({_name(rows, task)})", [_gain(r, task) for r in rows]
        )
    for rows in _apart(_overall(levels), task.network):
        yield from _below(
            f"How well does each do? ({_name(rows, task)})", [_level(r, task) for r in rows]
        )


def _gain(row: Row, task: Measured) -> Row:
    arm, _, base = str(row["comparison"]).partition(" - ")
    own = "" if arm == "synthetic" else row["real"]
    return {
        "trained on": _arm({**row, "kind": arm, "real": own}),
        "against": f"{row['real']} {base}"
        if base in ("real", "twice real")
        else f"{base}, {row['real']} real",
        task.gain: signed_interval(row["gain"], row["low"], row["high"]),
        "p": cell(_short(row["p_holm"])),
        "n": row["n"],
    }


def _level(row: Row, task: Measured) -> Row:
    measured = {
        heading: interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
        for heading, name in task.levels.items()
    }
    bare = {heading: interval(row[name], None, None) for heading, name in task.bare.items()}
    return {"trained on": _arm(row), **measured, **bare, "n": row["n"]}


def _structures(levels: Sequence[Row]) -> Iterator[RenderableType]:
    """Class by class: Dice, structures that were missed, and such as are not there."""
    single = [row for row in levels if row["class"] != MACRO]
    for rows in _apart(single, SEGMENTER.network):
        alone = len({row["class"] for row in rows}) == 1
        table = [_structure(row, alone) for row in rows]
        yield from _below(f"Which structures? ({_name(rows, SEGMENTER)})", table)


def _structure(row: Row, alone: bool) -> Row:
    """One arm and class; the Dice of the only class was told before."""
    dice = {} if alone else {"Dice": interval(row["dice"], row["dice_low"], row["dice_high"])}
    return {
        "class": row["class"],
        "trained on": _arm(row),
        **dice,
        "missed": row["missed"],
        "false": row["false"],
    }


def unseen_tables(rows: Sequence[Row]) -> Iterator[RenderableType]:
    """Seen classes, unseen ones and their harmonic mean, a table for Dice and one for IoU."""
    for part in _apart(rows, SEGMENTER.network):
        for heading, name in {"Dice": "dice", "IoU": "iou"}.items():
            table = [_unseen(row, name) for row in part]
            asked = f"{heading} of classes no real image shows ({_name(part, SEGMENTER)})"
            yield from _below(asked, table)
    if rows:
        yield Text(f"unseen: {rows[0]['unseen']}")


def _unseen(row: Row, name: str) -> Row:
    parts = {
        part: interval(*(row[f"{part}_{name}{end}"] for end in ("", "_low", "_high")))
        for part in ("seen", "unseen")
    }
    return {
        "trained on": _arm(row),
        **parts,
        "harmonic": interval(row[f"harmonic_{name}"], None, None),
    }


def _equivalents(rows: Sequence[Row]) -> Iterator[RenderableType]:
    if rows:
        yield Text("")
        yield Text("How many real images do they equal?", style="bold")
    # Plain: "[fewer, 42]" would be read as markup, and vanish.
    for row in rows:
        network = row.get("segmenter") or row.get("classifier")
        yield Text(f"{network}, " * bool(network) + f"{row['domain']}, {_arm(row)}: {row['words']}")


def _provenances(levels: Sequence[Row]) -> Iterator[RenderableType]:
    found = dict.fromkeys(str(row["provenance"]) for row in levels if row["provenance"])
    if found:
        yield Text("")
    for name in found:
        arms = dict.fromkeys(str(row["kind"]) for row in levels if row["provenance"] == name)
        meaning = dict(MEANING).get(name, "")  # type: ignore[call-overload]  # a plain text
        yield Text(f"generator of {', '.join(arms)} saw: {meaning} ({name})", style="dim")


def _overall(rows: Sequence[Row]) -> list[Row]:
    """Those over all classes; of classifiers all."""
    return [row for row in rows if row.get("class", MACRO) == MACRO]


def _apart(rows: Sequence[Row], network: str) -> list[list[Row]]:
    """The rows of each network and domain."""
    keys = dict.fromkeys((row[network], row["domain"]) for row in rows)
    return [[row for row in rows if (row[network], row["domain"]) == key] for key in keys]


def _name(rows: Sequence[Row], task: Measured) -> str:
    return f"{rows[0][task.network]}, {rows[0]['domain']}"


def _below(heading: str, rows: Sequence[Row]) -> list[RenderableType]:
    return [Text(""), frame(pd.DataFrame(rows), heading)]


def _arm(row: Row) -> str:
    """What an arm learns from: both, 10 real, 0.5:1."""
    beside = f", {row['real']} real" if row["real"] else ""
    return f"{row['kind']}{beside}" + (f", {row['ratio']:g}:1" if row["ratio"] else "")


def _short(p: object) -> object:
    return number(p) if isinstance(p, float) and p == p else None  # noqa: PLR0124  # unknown
