"""A comparison of generators as a picture: a line per domain, a mark per generator."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evaluation.report.charts import COLOURS, FAINT, INK, WIDTH, Picture

PANELS = {"distance": "MMD to held-out images", "alignment": "alignment of findings"}


def comparison_chart(table: pd.DataFrame) -> Picture:
    """Distance and alignment of every generator, domain by domain, with 95 % intervals.

    Args:
        table: `comparison.levels`.
    """
    domains, arms = list(dict.fromkeys(table["domain"])), list(dict.fromkeys(table["arm"]))
    figure = Figure(figsize=(WIDTH, 1.2 + 0.42 * len(domains)), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (measure, title) in zip(panels, PANELS.items(), strict=True):
        for number, arm in enumerate(arms):
            rows = table[table["arm"] == arm].set_index("domain").loc[domains]
            values, low, high = (rows[f"{measure}{end}"] for end in ("", "_low", "_high"))
            places = np.arange(len(domains)) + 0.22 * (number - (len(arms) - 1) / 2)
            reach = np.stack([values - low, high - values]).clip(0)
            colour = list(COLOURS.values())[number % len(COLOURS)]
            label = arm.replace("_", ", ")
            axes.errorbar(values, places, xerr=reach, fmt="o", ms=4, color=colour, label=label)
        axes.set_title(title, fontsize=9, color=INK)
        axes.grid(axis="x", color=FAINT, alpha=0.3)
    panels[0].set_yticks(range(len(domains)), domains, fontsize=8)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return Picture(
        "comparison",
        "Specialists and generalists",
        "The smaller the distance, the more like real images; alignment of 1 is as recognisable "
        "as real ones.",
        figure,
        chart=True,
    )
