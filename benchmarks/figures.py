"""How every benchmark prints its figures, and which bars they reach: a table, or one JSON object."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

import torch

from evaluation.gating.version_gates import SIDES, Bound
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate

NO_BARS: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True)
class Figure:
    """One measured number; low and high bound its 95 % interval where it is an estimate."""

    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @staticmethod
    def of(score: Score) -> Figure:
        """A score of the evaluation as a figure; what could not be observed becomes null."""
        return Figure.estimated(Estimate(score.value, score.low, score.high, score.n), score.unit)

    @staticmethod
    def estimated(estimate: Estimate, unit: str = "1") -> Figure:
        """An estimate as a figure; what could not be observed becomes null."""
        numbers = (estimate.value, estimate.low, estimate.high)
        value, low, high = (x if math.isfinite(x) else None for x in numbers)
        return Figure(value, unit, low, high, estimate.n)


@dataclass(frozen=True)
class Bar:
    """A figure, or one end of its 95 % interval, and the number it has to reach.

    Attributes:
        figure: name.
        comparison: ">=" or "<=".
        value: to reach.
        side: which number of the figure: "value", "low" or "high".
        over: another figure, which the value counts from; "" for none.
    """

    figure: str
    comparison: str
    value: float
    side: str = "value"
    over: str = ""

    def __str__(self) -> str:
        beyond = "" if not self.over else f"{self.over} + " if self.value else self.over
        value = f"{self.value:g}" if self.value or not self.over else ""
        return f"{SIDES[self.side]}{self.figure} {self.comparison} {beyond}{value}"

    def met_by(self, figures: Mapping[str, Figure]) -> bool:
        """Whether the figures reach it; what could not be observed does not."""
        measured = getattr(figures[self.figure], self.side)
        start = figures[self.over].value if self.over else 0.0
        if measured is None or start is None:
            return False
        return Bound(self.comparison, start + self.value).met_by(measured)


def verdicts(bars: Sequence[Bar], figures: Mapping[str, Figure]) -> dict[str, bool]:
    """Each bar in words, and whether it is met; bars of figures that were not measured are not."""
    return {
        str(bar): bar.met_by(figures)
        for bar in bars
        if bar.figure in figures and (not bar.over or bar.over in figures)
    }


def machine() -> str:
    """Processor, cores and torch of this machine."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )


def show(
    name: str,
    figures: Mapping[str, Figure],
    notes: Mapping[str, object],
    as_json: bool,
    bars: Mapping[str, bool] = NO_BARS,
) -> None:
    """Prints the figures on stdout, and which bars they meet (`verdicts`)."""
    command = f"python -m benchmarks.{name} {' '.join(sys.argv[1:])}".strip()
    if as_json:
        content = {
            "name": name,
            "machine": machine(),
            "command": command,
            "figures": {key: asdict(figure) for key, figure in figures.items()},
            **({"bars": dict(bars)} if bars else {}),
            **notes,
        }
        print(json.dumps(content, indent=2))
        return
    print(f"{command}\n{machine()}")
    for key, figure in figures.items():
        value = "-" if figure.value is None else f"{figure.value:.4g}"
        interval = "" if figure.low is None else f"[{figure.low:.4g}, {figure.high:.4g}]"
        count = "" if figure.n is None else f"n = {figure.n}"
        print(f"{key:28} {value:>10}  {interval:22} {count:10} {figure.unit}")
    for bar, met in bars.items():
        print(f"{'met   ' if met else 'MISSED'} {bar}")
    for key, note in notes.items():
        print(f"{key}: {note}")
