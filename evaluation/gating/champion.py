"""The champion of a series: it stays until a challenger is better beyond the interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator

from evaluation.errors import InputError
from evaluation.metrics.former_names import refusal
from evaluation.metrics.registry import METRICS, Score
from evaluation.statistics.bootstrap import Estimate, difference


@dataclass(frozen=True)
class Challenge:
    """Whether a challenger is promoted, and why, in one sentence."""

    won: bool
    reason: str


def challenge(metric: str, ours: Score | None, theirs: Score | None, champion: str) -> Challenge:
    """Compares a new version with the champion.

    The two are taken as independent. They share the judge and the real pairs, so their difference
    is known better than this says, and a promotion comes somewhat less easily than it might.

    Args:
        metric: by which they are compared.
        ours: the challenger's headline.
        theirs: the champion's, against the same real data and by the same judge.
        champion: what the champion is called.
    """
    if ours is None or theirs is None or ours.parameters != theirs.parameters:
        return Challenge(
            False,
            f"{champion} has no {metric} that was measured in the same way (other domains or "
            "another judge), so nothing shows that this version is better",
        )
    gap = lead(ours, theirs)
    verdict = f"{metric} {ours.value:.4g} against {theirs.value:.4g} of {champion}: better by "
    verdict += f"{gap.value:.4g} [{gap.low:.4g}, {gap.high:.4g}]"
    if math.isnan(gap.low):
        return Challenge(False, f"{verdict}, and without an interval that may be chance")
    won = gap.low > 0
    return Challenge(won, verdict if won else f"{verdict}, which is not beyond the interval")


def lead(ours: Score, theirs: Score) -> Estimate:
    """By how much ours is better, in the metric's direction; above 0 where it is."""
    a, b = (s.estimate for s in (ours, theirs))
    return difference(a, b) if METRICS[ours.metric].higher_is_better else difference(b, a)


def _directed(name: str) -> str:
    better = [key for key, metric in METRICS.items() if metric.higher_is_better is not None]
    if name in better:
        return name
    if why := refusal(name):
        raise InputError(f"no version is best by {name!r}: {why}")
    near = ", ".join(get_close_matches(name, better, n=3, cutoff=0))
    why = "has no better direction" if name in METRICS else "is not known"
    raise InputError(f"the score {name!r} {why}, so no version is best by it; nearest: {near}")


# The recipe's key: the metric that champions are compared by, checked when the recipe is read.
ChampionMetric = Annotated[str, AfterValidator(_directed)]
