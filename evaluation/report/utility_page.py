"""The utility tables as a page shows them: what was run with its numbers, and what was not run."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import pandas as pd

from evaluation.settings import ARMS
from evaluation.utility.exposure import MEANING
from evaluation.utility.result import Utility
from evaluation.utility.segmenter_test import MACRO

Lines = list[dict[Hashable, object]]

NOT_RUN = "not run"


@dataclass(frozen=True)
class ClassLines:
    """Lines of the tables of classifiers, as `UtilityPage` has them of segmenters."""

    levels: Lines
    gains: Lines
    equivalent_images: Lines
    not_run: list[str]


@dataclass(frozen=True)
class UtilityPage:
    """Lines of every table.

    Attributes:
        levels: of segmenters: a line per arm that was run, with its numbers.
        not_run: for each segmenter and domain, the kinds of training that were not run.
        gains: of macro; `gains_by_class` of classes, where a domain has several.
        gains_by_class: as `gains`.
        equivalent_images: what arms are worth in real images.
        provenances: each kind of provenance with its meaning, and the arms that have it.
        seeds: fewest of any arm.
        classes: levels, gains and equivalent_images of classifiers.
        unseen: an arm's seen and unseen classes, a line each; none where no class is unseen.
    """

    levels: Lines
    not_run: list[str]
    gains: Lines
    gains_by_class: Lines
    equivalent_images: Lines
    provenances: list[tuple[str, str, str]]
    seeds: int
    classes: ClassLines
    unseen: Lines

    @staticmethod
    def of(utility: Utility) -> UtilityPage:
        """What a page shows of all tables."""
        masks, findings = utility.segmentation, utility.classification
        levels, stated = _macro(masks.levels), ["kind", "provenance", "seeds"]
        every = pd.concat([t[stated] for t in (levels, findings.levels) if not t.empty])
        return UtilityPage(
            levels=level_lines(levels),
            not_run=not_run(levels, "segmenter"),
            gains=_lines(masks.gains, whole=True),
            gains_by_class=_lines(_of_several_classes(masks.gains), whole=False),
            equivalent_images=masks.equivalent_images.to_dict("records"),
            provenances=provenance_lines(every),
            seeds=int(every["seeds"].min()),
            classes=ClassLines(
                level_lines(findings.levels),
                findings.gains.to_dict("records"),
                findings.equivalent_images.to_dict("records"),
                not_run(findings.levels, "classifier"),
            ),
            unseen=[
                row | {"arm": arm_words(row["kind"], row["ratio"])}
                for row in masks.unseen.to_dict("records")
            ],
        )


def level_lines(levels: pd.DataFrame) -> Lines:
    """A line per row of the levels of segmenters or of classifiers."""
    rows = levels.to_dict("records")
    return [row | {"arm": arm_words(row["kind"], row["ratio"])} for row in rows]


def not_run(levels: pd.DataFrame, network: str) -> list[str]:
    """What networks were not trained on, a line for the domains of which the same is true.

    Args:
        levels: of segmenters or of classifiers.
        network: the column that names these.
    """
    if levels.empty:
        return []
    alike: dict[tuple[str, str], list[str]] = {}
    for (name, domain), rows in levels.groupby([network, "domain"], sort=False):
        missing = [arm_words(kind, 0.0) for kind in ARMS if kind not in set(rows["kind"])]
        alike.setdefault((str(name), "; ".join(missing)), []).append(str(domain))
    return [
        f"{name} in {', '.join(domains)}: {missing}."
        for (name, missing), domains in alike.items()
        if missing
    ]


def arm_words(kind: str, ratio: float) -> str:
    """What an arm was trained on, for people."""
    return f"{ARMS[kind]}, {ratio:g} to 1" if ratio not in (0.0, 1.0) else ARMS[kind]


def provenance_lines(levels: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Each provenance, what it means, and the arms that have it, or that none was run."""
    found = levels.groupby("provenance")["kind"].unique()
    return [
        (name, meaning, ", ".join(found[name]) if name in found else NOT_RUN)
        for name, meaning in MEANING.items()
        if name != "unknown" or name in found
    ]


def _macro(table: pd.DataFrame) -> pd.DataFrame:
    return table if table.empty else table[table["class"] == MACRO]


def _lines(gains: pd.DataFrame, *, whole: bool) -> Lines:
    if gains.empty:
        return []
    return gains[(gains["class"] == MACRO) == whole].to_dict("records")


def _of_several_classes(gains: pd.DataFrame) -> pd.DataFrame:
    """Where a domain has a single class, that class says nothing beyond macro."""
    if gains.empty:
        return gains
    return gains[gains.groupby(["segmenter", "domain"])["class"].transform("nunique") > 2]
