"""What grows with the number of pairs, and what does not, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.figures import Figure

DPI = 110
SECONDS = (
    ("plan_seconds", "planning"),
    ("make_seconds", "making pairs that take no time to draw"),
    ("resume_seconds", "finding that nothing is left to do"),
)
SIZES = (
    ("plan_mib", "memory of planning"),
    ("driver_mib", "memory of the driver that makes pairs"),
    ("worker_mib", "memory of a worker"),
    ("made_store_mib", "pairs on disk"),
    ("database_mib", "Prefect's database"),
)


def draw(figures: Mapping[str, Figure], file: Path) -> None:
    """Draws those of the lines of which there are figures."""
    canvas = Canvas(figsize=(10, 5), dpi=DPI, layout="constrained")
    times, sizes = canvas.subplots(1, 2)
    _lines(times, figures, SECONDS)
    _lines(sizes, figures, SIZES)
    times.set(title="Time", ylabel="seconds")
    sizes.set(title="Memory and disk", ylabel="MiB")
    canvas.savefig(file)


def _lines(axes: Axes, figures: Mapping[str, Figure], lines: Sequence[tuple[str, str]]) -> None:
    for name, title in lines:
        found = {
            int(key.removeprefix(f"{name}_")): each.value
            for key, each in figures.items()
            if key.startswith(f"{name}_") and each.value is not None
        }
        axes.plot([*found], [*found.values()], marker="o", label=title)
    axes.set(xscale="log", yscale="log", xlabel="pairs")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
