"""One HTML file that says what a version of pairs is worth; it loads nothing and can be mailed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evaluation.figures import Picture
from evaluation.gates import Decision
from evaluation.metrics import METRICS, Score, headlines
from evaluation.utility import Utility
from evaluation.utility_page import UtilityPage

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Section:
    """A question of the report, the metrics that answer it, and how to read the answer."""

    key: str
    question: str
    metrics: tuple[str, ...]
    reading: str


SECTIONS = (
    Section(
        "consistency",
        "Do the masks fit the images?",
        (
            "consistency",
            "consistency_closed",
            "consistency_over_constant",
            "consistency_nsd",
            "consistency_hd95",
        ),
        "A judge trained on real pairs segments every synthetic image and is compared with its "
        "mask. Its agreement means something only between two bounds: what it reaches on real "
        "held-out pairs, and what the same images reach with masks that are not theirs. The "
        "intervals take the judge as given; another judge would differ a little.",
    ),
    Section(
        "fidelity",
        "Do they look real?",
        (
            "kernel_handcrafted",
            "kernel_first_order",
            "kernel_texture",
            "kernel_spectrum",
            "kernel_geometry",
            "kernel_interface",
            "precision",
            "recall",
            "density",
            "coverage",
            "frechet_handcrafted",
            "frechet_first_order",
            "frechet_texture",
            "frechet_spectrum",
            "frechet_geometry",
            "frechet_interface",
            "sharpness",
        ),
        "Distances compare distributions of handcrafted features with the real training pairs; "
        "they are not FIDs and compare only with one another. The kernel distance leads: a "
        "Fréchet distance shrinks as pairs are added and says little below five pairs per "
        "feature, so its fair comparison with the real floor is at an equal number of pairs.",
    ),
    Section(
        "diversity",
        "Are they varied?",
        ("ms_ssim", "ms_ssim_rank", "vendi", "vendi_order2"),
        "Mean similarity of two images drawn at random. Well above the real value, the generator "
        "repeats itself; well below, its images share too little with real anatomy.",
    ),
    Section(
        "privacy",
        "Are they copies?",
        ("memorised_share", "memorised_excess"),
        "A synthetic image counts as a near copy if it lies nearer to a training image than all "
        "but 1 % of held-out real images do, so about 1 % are flagged where nothing was copied, "
        "more where few images were held out. This sees copies of whole images, shifted a little "
        "or changed in contrast; it does not prove that no patient could be recognised.",
    ),
    Section(
        "utility",
        "Are they useful?",
        ("utility_gain", "utility_worth"),
        "A segmenter is trained on real pairs, on synthetic ones, or on both, for equally many "
        "steps and with the same classical augmentation. An interval that holds 0 means that a "
        "gain was not shown, not that there is none. What the generator had seen decides what a "
        "gain means: pairs of one that knew more real images than the arm carry those over.",
    ),
)


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


@dataclass(frozen=True)
class Row:
    """A line of a table of scores."""

    score: Score
    description: str
    controls: tuple[tuple[str, Score], ...]


def render(report: Report) -> str:
    """The page as text."""
    loader = PackageLoader("evaluation", ".")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "interval": interval, "spoken": spoken}
    environment.filters |= {"signed": signed, "between": between}
    page = environment.get_template(TEMPLATE)
    return page.render(
        report=report,
        sections=[(section, rows(section, report.scores)) for section in SECTIONS],
        domains=domain_table(report.scores),
        classes=class_rows(report.scores),
        utility=None if report.utility is None else UtilityPage.of(report.utility),
        drawing=_drawing,
    )


def write_report(report: Report, path: Path) -> Path:
    """Writes the page and returns its path; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(report), encoding="utf-8")
    return path


def rows(section: Section, scores: Sequence[Score]) -> list[Row]:
    """The headline scores of a section that were measured, each with its controls."""
    found = headlines(scores)
    return [
        Row(
            found[name],
            METRICS[name].description + _at(found[name]),
            tuple((_control(name, c), found[c]) for c in METRICS[name].beside if c in found),
        )
        for name in section.metrics
        if name in found
    ]


def domain_table(scores: Sequence[Score]) -> tuple[list[str], list[tuple[str, list[Score | None]]]]:
    """Domains, and the main metrics with a score for each; no domains where there is only one."""
    names = sorted({str(s.parameters["domain"]) for s in scores if "domain" in s.parameters})
    if len(names) < 2:
        return [], []
    told = (section for section in SECTIONS if section.key != "utility")
    metrics = [name for section in told for name in section.metrics]
    whole = {
        (s.metric, s.parameters.get("domain")): s for s in scores if "class" not in s.parameters
    }
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


def number(value: float) -> str:
    """Three significant digits, or "not measurable"."""
    if not math.isfinite(value):
        return "not measurable"
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def interval(score: Score) -> str:
    """The interval between brackets, or nothing where it is unknown."""
    return between(score.low, score.high)


def between(low: float, high: float) -> str:
    """Two bounds between brackets, or nothing where they are unknown."""
    return f"[{number(low)}, {number(high)}]" if math.isfinite(low + high) else ""


def signed(value: float) -> str:
    """A difference with its sign, or "?" where it is unknown."""
    return f"{value:+.3f}" if math.isfinite(value) else "?"


def spoken(name: str) -> str:
    """A metric's name as words: "consistency_closed" becomes "consistency closed"."""
    return name.replace("frechet", "Fréchet").replace("ms_ssim", "MS-SSIM").replace("_", " ")


def _at(score: Score) -> str:
    if "segmenter" not in score.parameters:
        return ""
    real = score.parameters.get("real") or "no"
    return f" Here: {score.parameters['segmenter']}, {real} real images."


def _control(metric: str, control: str) -> str:
    words = {"real": "real", "equal_n": "at equal number"}
    rest = control.removeprefix(f"{metric}_")
    return words.get(rest, spoken(rest))


def _drawing(picture: Picture) -> Markup:
    """The picture as an element: charts follow the theme, pixels are embedded."""
    if picture.chart:
        return Markup(picture.svg)
    text = Markup('<img src="{}" alt="{}">')
    return text.format(picture.data_uri, picture.title)
