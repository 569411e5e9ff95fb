"""A closed loop as a picture: where pairs went, why, and what came of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.report.charts import COLOURS, FAINT, INK, WIDTH, Picture
from evaluation.report.loop_table import facet_words

PANELS = {"pairs asked for": None, "Dice": "error", "pairs trusted": "trust"}
NORMAL_95 = 1.96


def loop_chart(rounds: pd.DataFrame) -> Picture:
    """A line per facet over the rounds: pairs asked for, Dice on held-out images, trust in pairs.

    Args:
        rounds: of one loop, the table `loop_rounds` of the lake.
    """
    facets = list(dict.fromkeys(rounds["facet"]))
    figure = Figure(figsize=(WIDTH, 3.0 + 0.2 * len(facets)), layout="constrained")
    panels = figure.subplots(1, len(PANELS))
    for axes, (title, believed) in zip(panels, PANELS.items(), strict=True):
        for number, facet in enumerate(facets):
            rows = rounds[rounds["facet"] == facet]
            _line(axes, rows, believed, number, len(facets))
        axes.set_title(title, fontsize=9, color=INK)
        axes.set_xlabel("round", fontsize=8)
        axes.set_xticks(sorted(set(rounds["round"])))
        axes.grid(axis="y", color=FAINT, alpha=0.3)
    panels[0].set_ylim(bottom=0)
    handles, _ = panels[0].get_legend_handles_labels()
    names = [facet_words(facet) for facet in facets]
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=8)
    return Picture(
        "loop",
        "Where further pairs went, and why",
        "Pairs go where Dice is low and pairs are trusted, as far as was known after the round "
        "before; bars are 95 % of what is believed.",
        figure,
        chart=True,
    )


def _line(axes: Axes, rows: pd.DataFrame, believed: str | None, number: int, facets: int) -> None:
    colour = list(COLOURS.values())[number % len(COLOURS)]
    style = ("o-", "s--", "^:", "D-.")[number // len(COLOURS) % 4]
    places = rows["round"].to_numpy() + 0.12 * (number - (facets - 1) / 2) / facets
    look: dict[str, Any] = {"fmt": style, "ms": 4, "lw": 1.2, "color": colour, "label": str(number)}
    if believed is None:
        axes.errorbar(places, rows["asked"], **look)
        return
    known = rows["cases"] > 0 if believed == "error" else np.isfinite(rows["trust"])
    values = rows[believed].where(known)
    shown = 1 - values if believed == "error" else values
    axes.errorbar(places, shown, yerr=NORMAL_95 * rows[f"{believed}_spread"].where(known), **look)
