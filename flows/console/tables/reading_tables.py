"""Blinded readings as people read them on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from evaluation.report.reading_table import AGREEMENT, told
from evaluation.report.wording import domain_words, in_words
from flows.console.tables.layout import Rows, path_line

if TYPE_CHECKING:
    from evaluation.reading.result import Line
    from flows.readers.frozen_list import FrozenList
    from flows.readers.outcome import Outcome


def made(reading: FrozenList) -> RenderableType:
    """What was frozen, and what to do with it."""
    beside = {"mask": "its mask", "text": "what it is said to show"}[reading.content.question]
    return Group(
        Text(
            f"reading {reading.name}: {len(reading.items)} images, half of them real; the grade is about "
            f"an image and {beside}"
        ),
        path_line(reading.folder),
        Text(f"next: medpair readers serve {reading.name}", style="dim"),
    )


def outcome(found: Outcome) -> RenderableType:
    """Everybody's answers, each reader's, each domain's; how they agree; with which numbers."""
    result = found.result
    done = sum(count == found.images for count in found.answered.values())
    several = len(found.answered) > 1
    parts: list[RenderableType] = [
        Text(
            f"{found.name}: {found.images} images of {found.data_set}, {len(found.answered)} "
            f"reader{'s' * several}, {done} of them through",
            style="bold",
        ),
        _lines(result.lines),
        Text(""),
        _confusions(result.lines),
    ]
    if several:
        agreement = result.agreement
        found_kinds = (agreement.kappa, agreement.alpha, agreement.grade_alpha)
        kinds = dict(zip(AGREEMENT.values(), found_kinds, strict=True))
        rows = [[name, told(each), str(each.n)] for name, each in kinds.items()]
        parts += [Text(""), Rows(["readers among themselves", "95 % interval", "images"], rows)]
    if result.correlations:
        rows = [
            [in_words(each.number), told(each.called_real), told(each.grade)]
            for each in result.correlations
        ]
        names = ["pairs, rank correlation", "called real", "grade"]
        parts += [Text(""), Rows(names, rows)]
    parts.append(Text("by chance: accuracy 0.5, d' 0, kappa and alpha 0", style="dim"))
    return Group(*parts)


def _lines(lines: Iterable[Line]) -> RenderableType:
    rows = [
        [_who(line), told(line.detection.accuracy), told(line.detection.d_prime)] for line in lines
    ]
    return Rows(["answers of", "accuracy", "d'"], rows)


def _confusions(lines: Iterable[Line]) -> RenderableType:
    rows = []
    for line in lines:
        c, grades = line.detection.confusion, (line.grade_synthetic, line.grade_real)
        rows.append(
            [
                _who(line),
                f"{c.synthetic_as_synthetic} of {c.synthetic_as_synthetic + c.synthetic_as_real}",
                f"{c.real_as_real} of {c.real_as_real + c.real_as_synthetic}",
                " / ".join(f"{each.value:.2f}" if each.known else "-" for each in grades),
                f"{line.seconds:.1f} s" if math.isfinite(line.seconds) else "-",
            ]
        )
    return Rows(["answers of", "syn. right", "real right", "grade syn. / real", "time"], rows)


def _who(line: Line) -> str:
    if line.reader:
        return line.reader
    return domain_words(line.domain) if line.domain else "all"
