"""Bars: what a benchmark's figures have to reach, and whether they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure
from evaluation.gating.version_gates import SIDES, Bound


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
