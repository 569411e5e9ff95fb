"""Results as people read them on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.metrics.registry import METRICS, Score
from evaluation.report.answers import Answer
from factory.store.repository import Garbage
from factory.store.versions import Verification
from flows.planning.plan import Plan

if TYPE_CHECKING:
    from evaluation.utility.learning_curve import LearningCurve
    from flows.api import Made, Scored
    from flows.build import Outcome
    from flows.compare import Comparison
    from flows.console.doctor import Check, Status
    from flows.datasets import DataSet, History
    from flows.utility import UtilityResult


STYLES = {"good": "green", "mixed": "yellow", "bad": "red"}
WHEN = "%Y-%m-%d %H:%M:%S"


def plan(found: Plan) -> RenderableType:
    """What a run would do."""
    rows = {
        "data set": found.dataset,
        "pairs": f"{found.pairs} of {', '.join(found.domains)}",
        "real pairs": ", ".join(f"{count} {split}" for split, count in found.real.items()),
        "generator": f"{found.training_steps} training steps" if found.training_steps else "ready",
        "models": f"{found.network_steps} training steps of judges and downstream models",
        "time": f"about {time_text(found.seconds)} on this machine",
        "space": f"about {size_text(found.bytes)} before compression",
    }
    return Group("The recipe is fine. A run would take:", mapping(rows))


def outcome(found: Outcome, all_: bool = False) -> RenderableType:
    """What a run came to: its gates, the answers of its scores, or all of these."""
    verdict = f"published as {found.version}" if found.published else "not published: a gate failed"
    gates = [f"  {'✓' if gate.passed else '✗'} {gate.reason}" for gate in found.gates.verdicts] or [
        "  no gates"
    ]
    pairs = ", ".join(f"{count} {name}" for name, count in found.pairs.items() if count)
    head = {"data set": f"{found.dataset}: {verdict}", "pairs": pairs, "run": found.run}
    foot = {"report": short_path(found.report)}
    if found.promotion is not None:
        foot["champion"] = f"{found.promotion.champion}: {found.promotion.reason}"
    below = scores(found.scores) if all_ else in_short(found, found.dataset)
    return Group(mapping(head), *gates, below, mapping(foot))


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


def in_short(found: Outcome | Scored, data_set: str) -> RenderableType:
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
    table = Table("score", "value", "95 % interval", "n", box=None, pad_edge=False)
    for name, score in found.items():
        if name not in beside:
            table.add_row(name, *_numbers(score))
            for control in controls[name]:
                if control in found:
                    table.add_row(f"  {control}", *_numbers(found[control]), style="dim")
    return table


def utility(found: UtilityResult) -> RenderableType:
    """What pairs are worth to segmenters and to classifiers."""
    keys = ["domain", "kind", "ratio", "real"]
    overlaps = [f"{name}{end}" for name in ("dice", "iou") for end in ("", "_low", "_high")]
    dice = ["images", "class", "provenance", *overlaps, "n", "missed", "false"]
    auroc = ["images", "provenance", "auroc", "auroc_low", "auroc_high", "balanced_accuracy", "n"]
    levels = [
        frame(pd.DataFrame(table)[[network, *keys, *columns]])
        for network, table, columns in (
            ("segmenter", found.levels, dice),
            ("classifier", found.classes["levels"], auroc),
        )
        if table
    ]
    equivalent_images = [
        f"{row['domain']}, {_arm(row)}: {row['words']}"
        for row in [*found.equivalent_images, *found.classes["equivalent_images"]]
    ]
    return Group(
        f"{found.version}, {_tested_on(found)}",
        *levels,
        *unseen_tables(found.unseen),
        # Plain: "[fewer, 42]" would be read as markup, and vanish.
        Text("\n".join(["in real images:", *equivalent_images]) if equivalent_images else ""),
        scores({score.metric: score for score in found.scores}),
        "" if found.file is None else mapping({"tables": short_path(found.file)}),
    )


def _arm(row: Mapping[str, object]) -> str:
    beside = f", {row['real']} real" if row["real"] else ""
    return f"{row['kind']}{beside}" + (f", {row['ratio']:g} : 1" if row["ratio"] else "")


def _tested_on(found: UtilityResult) -> str:
    if found.folds is not None:
        return f"every patient tested once, in {found.folds} folds with a generator each"
    return f"tested on the {found.split} split" + f" of {found.against}" * bool(found.against)


def unseen_tables(rows: Sequence[Mapping[str, object]]) -> list[RenderableType]:
    """Seen classes, unseen ones and their harmonic mean, a table for Dice and one for IoU."""
    keys = ["segmenter", "domain", "kind", "ratio", "real", "images"]
    tables = []
    for name in ("dice", "iou") if rows else ():
        parts = [f"{part}_{name}" for part in ("seen", "unseen", "harmonic")]
        columns = [f"{part}{end}" for part in parts for end in ("", "_low", "_high")]
        tables.append(frame(pd.DataFrame(rows)[[*keys, *columns, "n_seen", "n_unseen"]]))
    return [f"unseen: {rows[0]['unseen']}", *tables] if rows else []


def headroom(found: Iterable[LearningCurve]) -> RenderableType:
    """Learning curves of real data, and what they say."""
    parts: list[RenderableType] = []
    for each in found:
        table = Table("real images", "Dice", "95 % interval", "cases", box=None, pad_edge=False)
        for images, dice in zip(each.images, each.dice, strict=True):
            interval = f"{dice.low:.3f} to {dice.high:.3f}"
            table.add_row(str(images), f"{dice.value:.3f}", interval, str(dice.n))
        parts += [each.domain, table, each.verdict]
    return Group(*parts)


def comparison(found: Comparison) -> RenderableType:
    """Specialists and generalists, domain by domain, over all, and what they cost."""
    levels = pd.DataFrame(found.levels).astype({"distance": float, "alignment": float})
    wide = levels.pivot(index="domain", columns="arm", values=["distance", "alignment"])
    wide.columns = pd.Index([" of ".join(names) for names in wide.columns])
    table = Table("against specialists", "value", "95 % interval", "n", box=None, pad_edge=False)
    for name, figure in found.figures.items():
        value, low, high = (
            "-" if figure[end] is None else _cell(figure[end]) for end in ("value", "low", "high")
        )
        table.add_row(name, value, f"{low} to {high}", str(figure["n"]))
    costs = pd.DataFrame(found.costs).T.rename_axis("arm").reset_index()
    head = f"{found.images} images of each domain by each arm, against the {found.split} split"
    foot = {"result": short_path(found.file), "chart": short_path(found.chart)}
    return Group(head, frame(wide.reset_index()), "", table, "", frame(costs), mapping(foot))


def datasets(found: Iterable[DataSet]) -> RenderableType:
    """The data sets of a home."""
    table = Table("data set", "newest", "versions", "pairs", "where", box=None, pad_edge=False)
    for each in found:
        table.add_row(each.name, each.version or "-", str(each.versions), str(each.pairs), each.uri)
    return table


def log(found: History) -> RenderableType:
    """The history of a data set."""
    table = Table("when", "snapshot", "names", "what", box=None, pad_edge=False)
    for entry in found.log:
        when = entry.written_at.strftime(WHEN)
        table.add_row(when, entry.snapshot, ", ".join(entry.refs), entry.message)
    events = [(row, f"v{row['number']}", str(row["event"])) for row in found.versions]
    events += [(row, f"run-{row['run']}", "refused") for row in found.refusals]
    return Group(table, "", _events(events)) if events else table


def _events(found: Sequence[tuple[dict[str, object], str, str]]) -> Table:
    """What happened to which version or run, newest first."""
    table = Table("when", "version", "event", "why", box=None, pad_edge=False)
    lines = [(f"{row['recorded_at']:{WHEN}}", *what, str(row["reason"])) for row, *what in found]
    for line in sorted(lines, key=itemgetter(0), reverse=True):
        table.add_row(*line)
    return table


def verification(found: Verification) -> RenderableType:
    """Whether a version is whole."""
    return "\n".join(found.problems) or f"whole: {found.counts}"


def garbage(found: Garbage, dry_run: bool) -> RenderableType:
    """What was freed, or would be."""
    verb = "would free" if dry_run else "freed"
    branches = f"; branches {', '.join(found.branches)}" if found.branches else ""
    size = size_text(found.bytes)
    return f"{verb} {size}: {found.snapshots} snapshots, {found.chunks} chunks{branches}"


def status(found: Status) -> RenderableType:
    """What a home holds."""
    sizes = {name: size_text(size) for name, size in found.bytes.items()}
    rows = {
        "home": short_path(found.home),
        "data sets": ", ".join(found.datasets) or "none",
        "reports": ", ".join(short_path(path) for path in found.reports[:5]) or "none",
        **sizes,
    }
    return mapping(rows)


def checks(found: Iterable[Check]) -> RenderableType:
    """What the doctor saw."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in found:
        table.add_row("✓" if check.well else "✗", check.name, check.found, check.remedy)
    return table


def mapping(rows: Mapping[str, object]) -> Table:
    """Names and values."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        table.add_row(f"{name}:", str(value))
    return table


def frame(data: pd.DataFrame) -> RenderableType:
    """Any table."""
    table = Table(*map(str, data.columns), box=None, pad_edge=False)
    for row in data.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    return table


def _numbers(score: Score) -> Sequence[str]:
    low, high = _cell(score.low), _cell(score.high)
    known = math.isfinite(score.low) and math.isfinite(score.high)
    return _cell(score.value), f"{low} to {high}" if known else "", str(score.n)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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
