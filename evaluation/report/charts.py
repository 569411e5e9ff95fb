"""Charts of scores, and what every figure can be turned into: a PNG file or part of a page."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.metrics.registry import Score

LIGHTBOX = "#101214"  # medical images are read on black, on light pages too
LABEL = "#c8ccd0"
INK, FAINT = "#1b2a3a", "#8a94a0"  # in files; in a page these become the theme's own colours
THEME = {INK: "var(--ink)", FAINT: "var(--faint)"}
COLOURS = {"a": "#2f7ed8", "b": "#e0812c", "c": "#2f9e6a", "d": "#9a63b8"}
WIDTH = 7.6  # inches
DPI = 100


@dataclass(frozen=True)
class Look:
    """How a series is drawn: colour, marker and line, and what it is called."""

    colour: str
    line: str
    label: str


# Real images alone and synthetic pairs alone keep their colours in every chart of this package.
LOOKS = {
    "real": Look("a", "o-", "real"),
    "augmented": Look("a", "^:", "real, augmented twice as strongly"),
    "classical": Look("a", "v--", "real, also bent and with regions copied"),
    "selftrained": Look("a", "s:", "real, then others as labelled by it"),
    "synthetic": Look("b", "-", "synthetic alone"),
    "both": Look("c", "o-", "real and synthetic"),
    "annealed": Look("c", "D:", "real and synthetic, these ever fewer"),
    "searched": Look("c", "*-", "real, with pairs where folds speak for it"),
    "pretrained": Look("d", "s-", "synthetic, then real"),
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its words.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        caption: how to read it.
        figure: matplotlib's.
        alt: what there is to see, for those who do not; the title where there is none.
        chart: whether it is lines and text that follow a page's theme, rather than pixels.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    chart: bool = False
    alt: str = ""

    @property
    def png(self) -> bytes:
        """The figure as a file, on white or on the lightbox."""
        buffer = io.BytesIO()
        face = "white" if self.chart else LIGHTBOX
        self.figure.savefig(buffer, format="png", dpi=DPI, facecolor=face)
        return buffer.getvalue()

    @property
    def data_uri(self) -> str:
        """The PNG as it stands in a page that loads nothing."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()

    @property
    def svg(self) -> str:
        """The chart as an element of a page, in that page's colours and font."""
        buffer = io.StringIO()
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name}):
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        drawing = buffer.getvalue()
        for colour, variable in THEME.items():
            drawing = drawing.replace(colour, variable)
        # Several charts stand in one page, whose ids must not be the same.
        drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{self.name}-", drawing)
        label = escape(f"Chart: {self.title}. {self.caption}".strip(), quote=True)
        element = drawing[drawing.index("<svg") :]
        return element.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def consistency_chart(scores: Sequence[Score]) -> Picture:
    """The judge's Dice on the pairs between its controls, a row for each domain."""
    series = {
        "real held-out": ("consistency_real", COLOURS["c"]),
        "pairs": ("consistency", COLOURS["a"]),
        "one constant mask": ("consistency_constant", COLOURS["b"]),
        "shuffled masks": ("consistency_shuffled", COLOURS["d"]),
    }
    domains = sorted({str(s.parameters["domain"]) for s in scores if "domain" in s.parameters})
    figure, axes = _chart(1.1 + 0.55 * len(domains))
    for index, (label, (metric, colour)) in enumerate(series.items()):
        found = {str(s.parameters.get("domain")): s for s in scores if _whole(s, metric)}
        at = [(row, found[name]) for row, name in enumerate(domains) if name in found]
        shown = [(row, score) for row, score in at if score.known]
        heights = [row + 0.14 * (index - 1.5) for row, _ in shown]
        values = [score.value for _, score in shown]
        axes.errorbar(
            values,
            heights,
            xerr=_whiskers([s for _, s in shown]),
            fmt="o",
            color=colour,
            label=label,
        )
    axes.set_yticks(range(len(domains)), domains)
    axes.set_ylim(len(domains) - 0.5, -0.5)
    axes.set_xlabel("Dice between judge and mask")
    _legend(figure, axes, len(series))
    counted = sum(s.n for s in scores if _whole(s, "consistency"))
    return Picture(
        "consistency",
        "Consistency between its controls",
        f"The judge was trained on real pairs only. Lines are 95 % intervals; n = {counted} pairs.",
        figure,
        chart=True,
    )


def utility_chart(levels: pd.DataFrame, *, name: str = "macro") -> Picture:
    """Learning curves: Dice on real pairs by number of real training images, a panel per domain.

    Args:
        levels: from `utility.levels`; arms that were tried on synthetic pairs are left out.
        name: class that is shown.
    """
    return _curves_of(levels[levels["class"] == name], "segmenter", "Dice")


def class_chart(levels: pd.DataFrame) -> Picture:
    """Learning curves of classifiers: AUROC by number of real training images.

    Args:
        levels: from `class_utility.class_levels`; otherwise as `utility_chart`.
    """
    return _curves_of(levels, "classifier", "AUROC")


def _curves_of(levels: pd.DataFrame, network: str, measure: str) -> Picture:
    table = levels[levels["kind"].isin(LOOKS)]
    panels = list(table.groupby([network, "domain"], sort=False))
    columns = min(3, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(WIDTH, 0.6 + 2.3 * lines), layout="constrained")
    for number, ((kind, domain), panel) in enumerate(panels):
        axes = figure.add_subplot(lines, columns, number + 1)
        _style(axes)
        _utility_panel(axes, panel, measure.lower())
        axes.set_title(f"{domain} · {kind}", fontsize=9, color=INK)
        axes.set_ylabel(f"{measure} on real pairs" if number % columns == 0 else "", color=INK)
    _legend(figure, figure.axes[0], 3)
    seeds, least, most = (int(n) for n in (table["seeds"].max(), *table["n"].agg(["min", "max"])))
    cases = str(most) if least == most else f"{least} to {most}"
    return Picture(
        "utility" if network == "segmenter" else f"utility-{network}",
        f"What {network}s learn from the pairs",
        f"Equally many training steps in every arm; mean of {seeds} {'seed' if seeds == 1 else 'seeds'}; n = {cases} real pairs; "
        "bars and the band are 95 % intervals over patients and seeds. The axis does not start at "
        "0.",
        figure,
        chart=True,
    )


def curves_chart(curves: Mapping[str, pd.DataFrame], *, title: str, value: str) -> Picture:
    """Values by step, a line for each series.

    Args:
        curves: series -> table with the columns step and value.
        title: of the chart.
        value: what the vertical axis is; logarithmic where all values are positive.
    """
    figure, axes = _chart(2.8)
    for colour, (name, table) in zip(_cycle(len(curves)), curves.items(), strict=True):
        axes.plot(table["step"], table["value"], color=colour, label=name, linewidth=1.2)
    if all((table["value"] > 0).all() for table in curves.values()):
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(value)
    _legend(figure, axes, 4)
    return Picture(title.lower().replace(" ", "-"), title, "", figure, chart=True)


def _utility_panel(axes: Axes, panel: pd.DataFrame, measure: str) -> None:
    sizes = panel[panel["images"] > 0].drop_duplicates("real").sort_values("images")
    for number, ((kind, ratio), rows) in enumerate(panel.groupby(["kind", "ratio"], sort=False)):
        look = LOOKS[str(kind)]
        label = f"{look.label}, {ratio:g} : 1" if ratio not in (0, 1) else look.label
        if kind == "synthetic":
            _level_line(axes, rows.iloc[0], measure, look, label)
        else:
            # Side by side, so that no interval hides another.
            shifted = rows.assign(x=rows["images"] * 1.03 ** (number - 2))
            _learning_curve(axes, shifted.sort_values("x"), measure, look, label)
    if len(sizes):
        axes.set_xscale("log")
        axes.set_xticks(sizes["images"], sizes["real"])
        axes.minorticks_off()
        # A factor of two at least on both sides, else one size would stand at both edges at once.
        axes.set_xlim(sizes["images"].min() / 2, sizes["images"].max() * 2)
    axes.set_xlabel("real training images", color=INK)


def _learning_curve(axes: Axes, rows: pd.DataFrame, measure: str, look: Look, label: str) -> None:
    ends = rows[[f"{measure}_low", f"{measure}_high"]].to_numpy()
    reach = np.abs(ends - rows[[measure]].to_numpy()).T
    axes.errorbar(
        rows["x"],
        rows[measure],
        yerr=np.nan_to_num(reach),
        fmt=look.line,
        # The more synthetic pairs in a batch, the larger the marker.
        markersize=5 + rows["ratio"].iloc[0],
        color=COLOURS[look.colour],
        label=label,
        linewidth=1.2,
    )


def _level_line(axes: Axes, row: pd.Series, measure: str, look: Look, label: str) -> None:
    colour = COLOURS[look.colour]
    axes.axhline(row[measure], color=colour, label=label, linewidth=1.2)
    axes.axhspan(row[f"{measure}_low"], row[f"{measure}_high"], color=colour, alpha=0.12)


def _whole(score: Score, metric: str) -> bool:
    return (
        score.metric == metric and "domain" in score.parameters and "class" not in score.parameters
    )


def _whiskers(scores: Sequence[Score]) -> np.ndarray:
    reach = [(s.value - s.low, s.high - s.value) for s in scores]
    return np.nan_to_num(np.array(reach, float).reshape(-1, 2).T)


def _chart(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    _style(axes)
    return figure, axes


def _style(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(which="both", colors=INK, labelsize=9, length=3)
    axes.grid(axis="both", color=FAINT, alpha=0.25, linewidth=0.6)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )


def _cycle(count: int) -> list[str]:
    colours = list(COLOURS.values())
    return [colours[index % len(colours)] for index in range(count)]
