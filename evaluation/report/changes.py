"""What changed from one version to another: counts, pairs to look at, and scores with intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from evaluation.metrics.registry import METRICS, Score
from evaluation.report.gallery import Shelf
from evaluation.report.page import page
from evaluation.report.wording import domain_words
from evaluation.statistics.bootstrap import Estimate, difference

TEMPLATE = "changes.html.j2"
FACETS = ("domain", "finding", "labels")  # that pairs are counted by
UNCLEAR = ("no clear change", "unknown")
MOST_VALUES = 40  # of a facet: beyond, it divides the pairs too finely to be read
# Scores that differ in one of these are of different things. Names of features hold their digest.
APART = (
    "domain",
    "class",
    "facet",
    "segmenter",
    "classifier",
    "kind",
    "real",
    "ratio",
    "features",
)
# What `factory.store.versions.diff` calls a change -> what a reader does, and one of many pairs.
WORDS = {
    "added": "added",
    "removed": "gone",
    "remade": "made anew",
    "accepted": "rejected before and accepted now",
    "rejected": "accepted before and rejected now",
}


@dataclass(frozen=True)
class FacetCount:
    """Accepted pairs of one value of a facet, before and after."""

    facet: str
    value: str
    before: int
    after: int


@dataclass(frozen=True)
class ScoreChange:
    """One score before and after; the interval of the difference takes both as independent.

    Attributes:
        before: in the older version.
        after: in the newer one.
    """

    before: Score
    after: Score

    @cached_property
    def difference(self) -> Estimate:
        """After less before; its bounds are NaN where an interval is unknown."""
        return difference(self.after.estimate, self.before.estimate)

    @property
    def domain(self) -> str:
        """In words, "all" of the headline."""
        return domain_words(str(self.after.parameters.get("domain", ""))) or "all"

    @property
    def verdict(self) -> str:
        """Better, worse, or what else can be said."""
        gap = self.difference
        if not math.isfinite(gap.low + gap.high):
            return "unknown"
        if gap.low <= 0 <= gap.high:
            return "no clear change"
        better = self.after.higher_is_better
        if better is None:
            return "changed"
        return "better" if (gap.value > 0) == better else "worse"


@dataclass(frozen=True, eq=False)
class Changes:
    """What changed.

    Attributes:
        name: of the data set.
        old: the older version.
        new: the newer one.
        pairs: accepted before and after.
        kinds: change -> number of pairs, those that there are.
        facets: counts of accepted pairs, of every value whose count is known.
        scores: that both versions have.
        shelves: some pairs of each change.
    """

    name: str
    old: str
    new: str
    pairs: tuple[int, int]
    kinds: Mapping[str, int]
    facets: Sequence[FacetCount]
    scores: Sequence[ScoreChange]
    shelves: Sequence[Shelf] = ()

    @property
    def sentence(self) -> str:
        """In one sentence: pairs, and scores that are clearly better or worse."""
        pairs = ", ".join(f"{count} {WORDS[kind]}" for kind, count in self.kinds.items())
        better, worse = self.counted("better"), self.counted("worse")
        scores = f"{better} clearly better and {worse} clearly worse"
        tried = f"; of {len(self.scores)} scores {scores}" if self.scores else ""
        before, now = self.pairs
        return f"{before} accepted pairs before, {now} now: {pairs or 'the same pairs'}{tried}."

    @property
    def clear(self) -> list[ScoreChange]:
        """The scores whose interval of the difference does not hold 0."""
        return [change for change in self.scores if change.verdict not in UNCLEAR]

    @property
    def unclear(self) -> list[ScoreChange]:
        """All others."""
        return [change for change in self.scores if change.verdict in UNCLEAR]

    def counted(self, verdict: str) -> int:
        """How many scores have a verdict."""
        return sum(change.verdict == verdict for change in self.scores)


def kinds(table: pd.DataFrame) -> dict[str, int]:
    """How many pairs changed how, of a table with the column change."""
    counts = table["change"].value_counts()
    return {kind: int(counts[kind]) for kind in WORDS if kind in counts}


def facet_counts(before: pd.DataFrame, after: pd.DataFrame) -> list[FacetCount]:
    """Accepted pairs by facet and value.

    Args:
        before: facets of the older version's pairs, a row each.
        after: of the newer one's.
    """
    found = []
    for facet in FACETS:
        sides = [Counter(side.get(facet, ())) for side in (before, after)]
        values = sorted({str(value) for side in sides for value in side} - {""})
        if len(values) <= MOST_VALUES:
            found += [
                FacetCount(facet, value, *(side[value] for side in sides)) for value in values
            ]
    return found


def score_changes(before: Sequence[Score], after: Sequence[Score]) -> list[ScoreChange]:
    """The scores that both versions have, for all domains and each, in the order of the report."""
    known = {_key(score): score for score in before if score.known}
    order = {name: place for place, name in enumerate(METRICS)}
    found = [
        ScoreChange(known[_key(score)], score)
        for score in after
        if score.whole and score.known and _key(score) in known and _shown(score)
    ]
    return sorted(found, key=lambda each: (order[each.after.metric], each.domain != "all"))


def write_changes(changes: Changes, path: Path) -> Path:
    """Writes the page and returns its path; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(TEMPLATE, changes=changes, words=WORDS), encoding="utf-8")
    return path


def _shown(score: Score) -> bool:
    return score.metric in METRICS and bool(METRICS[score.metric].section)


def _key(score: Score) -> tuple[object, ...]:
    return (score.metric, *(str(score.parameters.get(name, "")) for name in APART))
