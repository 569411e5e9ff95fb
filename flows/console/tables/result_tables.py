"""Results as people read them on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.metrics.registry import METRICS, Score
from evaluation.report.answers.answer import Answer
from flows.console.tables.layout import Rows, frame, interval, mapping, path_line

if TYPE_CHECKING:
    from evaluation.utility.learning_curve import LearningCurve
    from flows.api import Made, Scored
    from flows.compare import Comparison
    from flows.console.doctor import Check
    from flows.planning.costs import Cost
    from flows.planning.plan import Plan


STYLES = {"good": "green", "mixed": "yellow", "bad": "red"}


def plan(found: Plan) -> RenderableType:
    """What a run would do."""
    rows = {
        "data set": found.dataset,
        "pairs": f"{found.pairs} of {', '.join(found.domains)}",
        "real pairs": ", ".join(f"{count} {split}" for split, count in found.real.items()),
        "generator": f"{found.training_steps} training steps" if found.training_steps else "ready",
        "models": f"{found.network_steps} training steps of judges and downstream models",
        "time": f"about {time_text(found.seconds)} on this machine",
        "space": f"about {size_text(found.bytes)} of pairs before compression{_left(found)}",
    }
    return Group("The recipe is fine. A run would take:", mapping(rows))


def _left(found: Plan) -> str:
    left = found.training_bytes
    return f", {size_text(left)} that the training leaves" if left else ""


def cost(found: Cost) -> RenderableType:
    """What a command would train."""
    rows = {
        "models": found.models,
        "training": f"{found.steps} steps",
        "time": f"about {time_text(found.seconds)} on this machine",
    }
    return Group("Where nothing was trained before, it would take:", mapping(rows))


def made(found: Made) -> RenderableType:
    """Pairs that were made and judged one by one."""
    pairs = ", ".join(f"{count} {name}" for name, count in found.pairs.items() if count)
    return mapping({"data set": f"{found.dataset}@{found.branch}", "pairs": pairs})


def scored(found: Scored, all_: bool = False) -> RenderableType:
    """The answers that the scores of something give, or all of these."""
    lacking = f", {found.maskless} of them without a mask" if found.maskless else ""
    head = f"{found.subject}: {found.pairs} pairs{lacking}"
    data_set = Path(found.subject.partition("@")[0]).name
    return Group(head, scores(found.scores) if all_ else in_short(found, data_set))


def in_short(found: Scored, data_set: str) -> RenderableType:
    """The answers that the scores of something give, and how to see all of these."""
    query = f"select metric, value, low, high, n from scores where data_set = '{data_set}'"
    more = Text(f'all {len(found.scores)} scores: --all, or medpair scores "{query}"', style="dim")
    return Group("", short(found.answers), "", more, "")


def short(found: Sequence[Answer]) -> RenderableType:
    """Each answered question with its verdict, and below it the sentence; then what is unknown."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for answer in found:
        if answer.verdict != "not measured":
            table.add_row(Text(answer.verdict, style=STYLES[answer.verdict]), answer.question)
            table.add_row("", answer.says)
            table.add_row("", Text(answer.sentence, style="dim"))
    unknown = [answer.question for answer in found if answer.verdict == "not measured"]
    rest = Text(f"not measured: {' '.join(unknown)}", style="dim") if unknown else ""
    return Group(table, rest)


def scores(found: Mapping[str, Score]) -> RenderableType:
    """Scores with their intervals; controls stand under the score they belong to."""
    controls = {name: METRICS[name].beside if name in METRICS else () for name in found}
    beside = {control for names in controls.values() for control in names}
    rows = []
    for name in found:
        if name not in beside:
            rows.append(_score(name, found[name]))
            rows += [_score(f"  {c}", found[c]) for c in controls[name] if c in found]
    return Rows(["score", "value [95 %]", "n"], rows)


def _score(name: str, score: Score) -> list[str]:
    return [name, interval(score.value, score.low, score.high), str(score.n)]


def headroom(found: Iterable[LearningCurve]) -> RenderableType:
    """Learning curves of real data, and what they say."""
    parts: list[RenderableType] = []
    for each in found:
        rows = [
            [str(images), interval(dice.value, dice.low, dice.high), str(dice.n)]
            for images, dice in zip(each.images, each.dice, strict=True)
        ]
        table = Rows(["real images", "Dice [95 %]", "cases"], rows)
        parts += [Text(each.domain, style="bold"), table, Text(each.verdict), Text("")]
    return Group(*parts[:-1])


def comparison(found: Comparison) -> RenderableType:
    """Specialists and generalists, domain by domain, over all, and what they cost."""
    levels = dict.fromkeys(str(row["domain"]) for row in found.levels)
    parts: list[RenderableType] = [
        Text(f"{found.images} images of each domain by each arm, against the {found.split} split")
    ]
    for domain in levels:
        rows = [_compared(row) for row in found.levels if row["domain"] == domain]
        parts += [Text(""), frame(pd.DataFrame(rows), domain, constant=False)]
    figures = [
        {"against specialists": name, "value [95 %]": _of(figure), "n": figure["n"]}
        for name, figure in found.figures.items()
    ]
    costs = pd.DataFrame(found.costs).T.rename_axis("arm").reset_index()
    foot = [Text(""), path_line(found.file), path_line(found.chart)]
    tables = [frame(pd.DataFrame(figures), constant=False), Text(""), frame(costs, constant=False)]
    return Group(*parts, Text(""), *tables, *foot)


def _compared(row: Mapping[str, object]) -> Mapping[str, object]:
    return {
        "arm": row["arm"],
        "distance [95 %]": _of(row, "distance"),
        "alignment [95 %]": _of(row, "alignment"),
        "n": row["n"],
    }


def _of(row: Mapping[str, object], name: str = "") -> str:
    ends = [f"{name}{end}" if name else end.strip("_") or "value" for end in ("", "_low", "_high")]
    return interval(*(row[end] for end in ends))


def checks(found: Iterable[Check]) -> RenderableType:
    """What the doctor saw."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in found:
        table.add_row("✓" if check.well else "✗", check.name, check.found, check.remedy)
    return table


def size_text(count: float) -> str:
    """Bytes in words, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def time_text(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def short_path(path: Path) -> str:
    """A path as a user would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
