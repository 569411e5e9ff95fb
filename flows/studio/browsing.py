"""The versions of a home to look through: pairs by facet, verdict and number, with what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from evaluation.gating.pair_metrics import PAIR_NUMBERS
from evaluation.lake.lake import Lake
from evaluation.report.answers.answer import Answer, answers
from evaluation.report.wording import number
from factory.identity import is_version
from factory.images import ImageSection
from factory.pairs import Images, PairBatch
from factory.store.checks import names
from factory.store.repository import Store
from factory.store.shards import Status
from factory.store.snapshot import Rows, Snapshot
from factory.store.versions import data_sets
from flows.asking.wishes import short
from flows.planning.recipe import kept_recipe
from tasks.provenance import own_scores, standing_decision, verdicts_of
from tasks.reports.consents import shows_real
from tasks.services.settings import Settings
from tasks.withdrawal import withdrawal

ACCEPTED, REJECTED = "accepted", "rejected"
FILTERED = ("domain", "finding", "labels", "text")  # facets to choose by


@dataclass(frozen=True)
class Wanted:
    """Which pairs of a version are shown.

    Attributes:
        verdict: "accepted", "rejected" or "" for both.
        facets: (facet, value) pairs.
        score: number of `PAIR_NUMBERS`; "" for none.
        low, high: bounds of that number; None for none.
    """

    verdict: str = ACCEPTED
    facets: tuple[tuple[str, str], ...] = ()
    score: str = ""
    low: float | None = None
    high: float | None = None


def tags_of(settings: Settings) -> dict[str, list[str]]:
    """The versions of each data set of the home, newest first; data sets without any are left out."""
    found = {}
    for name in data_sets(settings.pairs):
        tags = [tag for tag in Store(settings.pairs, name).tags() if is_version(tag)]
        if tags:
            found[name] = tags[::-1]
    return found


@dataclass(frozen=True, eq=False)
class VersionPairs:
    """A version that is looked through.

    Attributes:
        settings: of the home.
        name: of the data set.
        tag: of the version.
    """

    settings: Settings
    name: str
    tag: str

    @cached_property
    def snapshot(self) -> Snapshot:
        """What the store holds of it."""
        return Store(self.settings.pairs, self.name).snapshot(self.tag)

    @property
    def withdrawal(self) -> str:
        """That the version is withdrawn, why, and what followed; "" where it is not."""
        return withdrawal(self.lake, self.name, self.snapshot.id)

    @cached_property
    def lake(self) -> Lake:
        """The record of scores."""
        return Lake(self.settings.lake)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per judged pair: row, facets, verdict, reason in words, and its numbers."""
        rows = self.snapshot.rows(Status.ACCEPTED, Status.REJECTED)
        status = self.snapshot.status[rows]
        verdict = np.where(status == Status.ACCEPTED, ACCEPTED, REJECTED)
        facets = self.snapshot.facets(rows).assign(verdict=verdict, reason=self._reasons(rows))
        return facets.join(self._numbers(), on="row")

    @property
    def scores(self) -> list[str]:
        """The numbers that its pairs have, but for the row of the nearest."""
        return [name for name in PAIR_NUMBERS if name in self.table and name != "nearest"]

    def values(self, facet: str) -> list[str]:
        """The values of a facet that occur."""
        return sorted({str(value) for value in self.table[facet]})

    def rows(self, wanted: Wanted) -> list[int]:
        """Rows of the pairs that are wanted, in order; by the number where one is named."""
        table = self.table
        if wanted.verdict:
            table = table[table["verdict"] == wanted.verdict]
        for facet, value in wanted.facets:
            table = table[table[facet] == value]
        if wanted.score:
            table = _within(table, wanted.score, wanted.low, wanted.high)
        return [int(row) for row in table["row"]]

    def read(self, rows: Sequence[int]) -> PairBatch:
        """The pairs of some rows, in the order of the store."""
        return self.snapshot.read(np.sort(np.asarray(rows, np.int64)))

    def classes(self, domain: str) -> tuple[str, ...]:
        """Names of class 1, 2, … of a domain."""
        known = sorted(self.snapshot.label_maps[domain].items(), key=lambda each: each[1])
        return tuple(name for name, index in known if index)

    def notes(self, row: int) -> list[str]:
        """What is known of a pair, in words."""
        line = self._line(row)
        known = {name: float(line[name]) for name in self.scores}
        about = [str(line["finding"]), str(line["text"]), str(line["reason"])]
        about += [f"mask {mask}" for mask in (line.get("mask_from"),) if mask]
        if filled := line.get("fill_of"):
            about.append(f"{line['fill_region']} of {short(str(filled))} drawn anew")
        told = (
            f"{name.replace('_', ' ')} {number(value)}"
            for name, value in known.items()
            if np.isfinite(value)
        )
        return [words for words in (*about, *told) if words]

    @cached_property
    def verdicts(self) -> list[str]:
        """What its gates said, in sentences."""
        found = standing_decision(self.lake, self.snapshot.id, data_set=self.name)
        if found is None:
            return ["no decision on it is recorded"]
        reasons = [each.reason for each in verdicts_of(found)]
        return reasons or [f"no gates were asked for; {found['author'] or 'published'}"]

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """What its scores say, question by question; none where it was not scored."""
        found = answers(own_scores(self.lake, self.snapshot))
        return found if any(answer.metric for answer in found) else ()

    @property
    def shows_real(self) -> bool:
        """Whether real images may be shown beside its pairs."""
        return shows_real(self.lake, self.snapshot)

    @cached_property
    def real(self) -> Images:
        """(N, H, W, C) the real training images, which are read now.

        Raises:
            InputError: if the recipe of the version cannot be read any more.
        """
        sections = self.snapshot.attributes["sections"]
        recipe = kept_recipe(sections, (), self.name, self.settings.home)
        image = ImageSection.model_validate(sections["image"])
        return recipe.source.build().read("train", image).images

    def nearest(self, row: int) -> int | None:
        """Number of the real training image nearest to a pair; None where it was not worked out."""
        if "nearest" not in self.table:
            return None
        found = float(self._line(row)["nearest"])
        return None if np.isnan(found) else int(found)

    def _line(self, row: int) -> dict[str, Any]:
        """All that is known of a pair, by its name."""
        (line,) = self.table[self.table["row"] == row].to_dict("records")
        return {str(name): value for name, value in line.items()}

    def _reasons(self, rows: Rows) -> list[str]:
        """Why each row was rejected; the gates' own sentences where the lake has them."""
        told = self.lake.read("rejections", snapshot=self.snapshot.id)
        known = dict(zip(told["row"].astype(int), told["reason"].astype(str), strict=True))
        plain = (", ".join(names(int(bits))) for bits in self.snapshot.reason[rows])
        return [known.get(int(row), words) for row, words in zip(rows, plain, strict=True)]

    def _numbers(self) -> pd.DataFrame:
        """The newest of each number, by row."""
        from tasks.real_data import reference_digest

        attributes = self.snapshot.attributes
        image = ImageSection.model_validate(attributes["sections"]["image"])
        reference = reference_digest(attributes["digests"]["source"], image)
        found = self.lake.read("pair_scores", subject=self.snapshot.pairs_id, reference=reference)
        newest = found.sort_values(["version", "recorded_at"])
        newest = newest.drop_duplicates(["row", "metric"], keep="last")
        return newest.pivot(index="row", columns="metric", values="value")


def _within(table: pd.DataFrame, score: str, low: float | None, high: float | None) -> pd.DataFrame:
    """The rows whose number lies between the bounds, the lowest first."""
    values = table[score].astype(float)
    kept = values.notna()
    kept &= values >= (-np.inf if low is None else low)
    kept &= values <= (np.inf if high is None else high)
    return table[kept].sort_values(score, kind="stable")
