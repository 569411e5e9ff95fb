"""What a closed loop came to, as people read it on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from flows.console.tables.layout import Rows, interval, path_line, signed_interval

if TYPE_CHECKING:
    from evaluation.closed_loop.round import Round
    from flows.improving.improve import Improved


def improved(found: Improved) -> RenderableType:
    """Where pairs went, round by round, what came of it, and which version is the best."""
    facets = [each.facet for each in found.rounds[0].evidence]
    asked = [
        [name, *(str(each.asked[k]) for each in found.rounds)] for k, name in enumerate(facets)
    ]
    rows = [_line(each) for each in found.rounds]
    return Group(
        Text(f"{found.dataset}@{found.best} reaches most: {found.ended}", style="bold"),
        Text(""),
        Rows(["pairs asked for", *(f"round {each.number}" for each in found.rounds)], asked),
        Text(""),
        Rows(["round", "version", "Dice, mean over facets [95 %]", "gain [95 %]"], rows),
        Text(worth(found)),
        Text(
            "Dice on the validation patients that the loop looked at: tell others what "
            f"`medpair utility {found.dataset}@{found.best} --final` finds.",
            style="dim",
        ),
        Text(""),
        path_line(found.report),
    )


def worth(found: Improved) -> str:
    """What the pairs of the best version add to no pairs at all."""
    gain = found.over_real
    shown = signed_interval(gain.value, gain.low, gain.high)
    if gain.high < 0:
        return f"Beside the same real images alone its pairs harm: {shown}. Use none of them there."
    if gain.low > 0:
        return f"Beside the same real images alone its pairs add {shown}."
    return f"Beside the same real images alone its pairs make no sure difference: {shown}."


def _line(found: Round) -> list[str]:
    level, gain = found.level, found.gain
    shown = interval(gain.value, gain.low, gain.high) if gain.known else "-"
    return [str(found.number), found.version, interval(level.value, level.low, level.high), shown]
