"""One HTML file that says what a version of pairs is worth; it loads nothing and can be mailed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from evaluation.gating.version_gates import Decision
from evaluation.metrics.registry import METRICS, Score, headlines
from evaluation.report.alarm_lines import alarms_in
from evaluation.report.answers.answer import Answer, answers
from evaluation.report.answers.verdicts import Verdict
from evaluation.report.charts import Picture
from evaluation.report.gallery import Shelf
from evaluation.report.loop_table import LoopTable
from evaluation.report.page import page
from evaluation.report.questions import SECTIONS, Section
from evaluation.report.reading_table import ReadingTable
from evaluation.report.utility_page import UtilityPage
from evaluation.report.wording import in_words
from evaluation.utility.result import Utility

TEMPLATE = "report.html.j2"
MARKS: Mapping[Verdict, str] = {"good": "✓", "mixed": "~", "bad": "✕", "not measured": "○"}


@dataclass(frozen=True)
class Report:
    """What goes on the page.

    Attributes:
        name: of the data set.
        version: its tag, or "" where nothing was published.
        pairs: number of accepted pairs.
        decision: the gates' verdicts.
        scores: all scores of the version.
        provenance: label -> value: run, snapshot, generator, code version, seen data, ...
        recipe: the YAML text that was run.
        pictures: section key ("pairs", "training" or one of `SECTIONS`) -> its figures.
        utility: what the pairs are worth, None where it was not measured.
        rejected: reason -> number of pairs that were made and rejected for it.
        evidence: label -> value: who decided, when, on which real data and judge, the champion.
        maskless: number of accepted pairs without a mask, which no score of masks counts.
        shelves: single pairs to look at.
        facts: label -> value: intended and forbidden use, what the pairs were learnt from, its
            licence, cost, what changed.
        readings: blinded readings of the version; none where nobody read.
        loop: the closed loop that it is part of; None for none.
        scored: how many of the accepted pairs were scored and can be shown; None for all.
    """

    name: str
    version: str
    pairs: int
    decision: Decision
    scores: Sequence[Score]
    provenance: Mapping[str, str]
    recipe: str = ""
    pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    utility: Utility | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)
    maskless: int = 0
    shelves: Sequence[Shelf] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    readings: Sequence[ReadingTable] = ()
    loop: LoopTable | None = None
    scored: int | None = None


@dataclass(frozen=True)
class Row:
    """A line of a table of scores; `seeds` counts trainings, where there were any."""

    score: Score
    description: str
    controls: tuple[tuple[str, Score], ...]
    seeds: int | None = None


def render(report: Report) -> str:
    """The page as text."""
    said = answers(report.scores)
    return page(
        TEMPLATE,
        report=report,
        sections=[(section, rows(section, report.scores, report.utility)) for section in SECTIONS],
        answers=said,
        summary=summary(said),
        marks=MARKS,
        alarms=alarms_in(report.scores),
        domains=domain_table(report.scores),
        classes=class_rows(report.scores),
        utility=None if report.utility is None else UtilityPage.of(report.utility),
        drawing=_drawing,
    )


def summary(said: Sequence[Answer]) -> str:
    """How many questions are answered how, in a sentence."""
    counts = Counter(answer.verdict for answer in said)
    parts = [f"{counts[verdict]} {verdict}" for verdict in MARKS if verdict in counts]
    return f"Of {len(said)} questions below the answers are: {', '.join(parts)}."


def write_report(report: Report, path: Path) -> Path:
    """Writes the page and returns its path; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(report), encoding="utf-8")
    return path


def rows(section: Section, scores: Sequence[Score], utility: Utility | None = None) -> list[Row]:
    """The headline scores of a section that were measured, each with its controls."""
    found = headlines(scores)
    return [
        Row(
            found[name],
            METRICS[name].description + _at(found[name]),
            tuple((_control(name, c), found[c]) for c in METRICS[name].beside if c in found),
            _seeds(found[name], utility),
        )
        for name in section.metrics
        if name in found
    ]


def domain_table(scores: Sequence[Score]) -> tuple[list[str], list[tuple[str, list[Score | None]]]]:
    """Domains, and the main metrics with a score for each; no domains where there is only one."""
    names = sorted({str(s.parameters["domain"]) for s in scores if "domain" in s.parameters})
    if len(names) < 2:
        return [], []
    metrics = [name for each in SECTIONS if each.key != "utility" for name in each.metrics]
    whole = {(s.metric, s.parameters.get("domain")): s for s in scores if s.whole}
    table = [(metric, [whole.get((metric, name)) for name in names]) for metric in metrics]
    return names, [(metric, line) for metric, line in table if any(line)]


def class_rows(scores: Sequence[Score]) -> list[Score]:
    """Consistency of single classes, where a domain has more than one."""
    found = [s for s in scores if s.metric == "consistency" and "class" in s.parameters]
    several = {
        domain
        for domain in (s.parameters.get("domain") for s in found)
        if sum(s.parameters.get("domain") == domain for s in found) > 1
    }
    return [s for s in found if s.parameters.get("domain") in several]


def _at(score: Score) -> str:
    network = score.parameters.get("segmenter") or score.parameters.get("classifier")
    real = score.parameters.get("real") or "no"
    return f" Here: {network}, {real} real images." if network else ""


def _seeds(score: Score, utility: Utility | None) -> int | None:
    """How many trainings a gain is the mean of."""
    if utility is None:
        return None
    tasks = {"segmenter": utility.segmentation, "classifier": utility.classification}
    for network, gains in {name: task.gains for name, task in tasks.items()}.items():
        if network in score.parameters and not gains.empty:
            keys = [network, "real"]
            same = gains[keys].eq([score.parameters[name] for name in keys]).all(axis=1)
            return int(gains["seeds"][same].min()) if same.any() else None
    return None


def _control(metric: str, control: str) -> str:
    words = {
        "real": "real",
        "equal_n": "at equal number",
        "infinity": "of infinitely many",
        "before_filtering": "before rejection",
    }
    rest = control.removeprefix(f"{metric}_")
    return words.get(rest, in_words(rest))


def _drawing(picture: Picture) -> Markup:
    """The picture as an element: charts follow the theme, pixels are embedded."""
    if picture.chart:
        return Markup(picture.svg)
    text = Markup('<img src="{}" alt="{}">')
    return text.format(picture.data_uri, picture.alt or picture.title)
