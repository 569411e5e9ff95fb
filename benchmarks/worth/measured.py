"""Figures and bars of the recorded tables: nothing here trains or draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.figures import Bar, Figure
from benchmarks.worth.closed import closed, distance, gain, ratio
from benchmarks.worth.protocol import ARMS, RIVALS, SETS, GeneratorKind
from evaluation.statistics.bootstrap import Estimate
from evaluation.utility.segmenter_test import by_seed

RECORDED = Path(__file__).parents[1] / "recorded" / "worth"
FILES = ("cases", "scores")
MADE = ["set", "generator"]
ARM = [*MADE, "real", "seed", "kind", "unit", "case", "dice"]
TOLD = {
    "consistency_closed": "consistency_closed",
    "sharpness": "sharpness",
    "grid_excess": "grid_excess",
    "grid_excess_p95": "grid_excess_real_p95",
    "coverage_closed": "coverage_closed",
    "near_copies": "memorised_share",
    "near_copies_heldout": "memorised_share_real",
}
HEADROOM_ERRORS = 2  # standard errors that the way to all images must exceed
CONSISTENT = {"cxr_montgomery": 0.95, "us_hc18": 0.95, "nuclei_dsb2018": 0.85}

Figures = Iterator[tuple[str, Figure]]


@dataclass(frozen=True)
class Worth:
    """The recorded tables.

    Attributes:
        cases: a row per tested case; columns as `experiments.CASES`. Numbers of real images are
            text, "" for pairs alone.
        scores: of the pairs: set, generator, real, seed, score, value, low, high, n.
    """

    cases: pd.DataFrame
    scores: pd.DataFrame

    @staticmethod
    def recorded(folder: Path = RECORDED) -> Worth:
        """What was recorded; empty tables where nothing was."""
        files = [folder / f"{name}.csv" for name in FILES]
        if not all(file.is_file() for file in files):
            return Worth(pd.DataFrame(columns=ARM), pd.DataFrame(columns=MADE))
        cases, scores = (pd.read_csv(file, dtype={"real": str}) for file in files)
        return Worth(cases.fillna({"real": ""}), scores)

    def with_rows_of(self, others: Worth) -> Worth:
        """With the others' rows, in place of those of the same sets and generators."""
        tables = ((self.cases, others.cases), (self.scores, others.scores))
        return Worth(*(_replaced(*both) for both in tables))

    def save(self, folder: Path = RECORDED) -> None:
        """Writes both tables as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        self.cases.to_csv(folder / "cases.csv", index=False)
        self.scores.to_csv(folder / "scores.csv", index=False)

    def dice(self, name: str, generator: GeneratorKind, real: str, kind: str) -> pd.DataFrame:
        """Dice of one arm: a row per case, by unit and case, and a column per seed."""
        at = {"set": name, "generator": generator, "real": real, "kind": kind}
        rows = self.cases[(self.cases[list(at)] == pd.Series(at)).all(axis=1)]
        return by_seed(rows)

    def figures(self) -> dict[str, Figure]:
        """Every figure that the tables tell, by name."""
        found: dict[str, Figure] = {}
        for name in SETS:
            found |= self._pairs(name)
            found |= self._whole(name)
            found |= self._few(name)
        return found

    def best_rival(self, name: str, generator: GeneratorKind, real: str) -> pd.DataFrame:
        """Of the arms without pairs the one with the highest mean."""
        arms = [self.dice(name, generator, real, kind) for kind in RIVALS]
        return max((arm for arm in arms if len(arm)), key=lambda arm: arm.to_numpy().mean())

    def _pairs(self, name: str) -> Figures:
        """What pairs of the generator that has seen all are like."""
        mine = self.scores[(self.scores["set"] == name) & (self.scores["generator"] == "full")]
        rows = {row["score"]: row for row in mine.to_dict("records")}
        for told, score in TOLD.items():
            if (row := rows.get(score)) is not None:
                estimate = Estimate(row["value"], row["low"], row["high"], row["n"])
                yield f"{told}_{name}", Figure.estimated(estimate)

    def _whole(self, name: str) -> Figures:
        """Pairs alone, and beside all real images."""
        whole = self.dice(name, "full", "all", "real")
        if whole.empty:
            return
        alone = self.dice(name, "full", "", "synthetic")
        yield f"synthetic_only_{name}", Figure.estimated(ratio(alone, whole))
        for kind, word in (("annealed", "harm_unsearched"), ("searched", "harm")):
            beside = self.dice(name, "full", "all", kind)
            if len(beside):
                yield f"{word}_{name}", Figure.estimated(gain(beside, whole))

    def _few(self, name: str) -> Figures:
        """What pairs add to few real images."""
        real = str(SETS[name].few[0])
        for generator in ARMS:
            few = self.dice(name, generator, real, "real")
            if few.empty:
                continue
            yield f"dice_{generator}_{name}", _mean(few)
            whole = self.dice(name, "full", "all", "real")
            rival = self.best_rival(name, generator, real)
            for kind, word in (("annealed", generator), ("searched", f"{generator}_searched")):
                ours = self.dice(name, generator, real, kind)
                if ours.empty:
                    continue
                yield f"gain_{word}_{name}", Figure.estimated(gain(ours, few))
                yield f"over_rival_{word}_{name}", Figure.estimated(gain(ours, rival))
                if _room(few, whole):
                    yield (
                        f"closed_{word}_{name}",
                        Figure.estimated(closed(ours, few, whole)),
                    )


def bars() -> Sequence[Bar]:
    """What is wanted of every set."""
    found: list[Bar] = []
    for name, least in CONSISTENT.items():
        found += [
            Bar(f"consistency_closed_{name}", ">=", least),
            Bar(f"sharpness_{name}", ">=", 0.85),
            Bar(f"sharpness_{name}", "<=", 1.15),
            Bar(f"grid_excess_{name}", "<=", 0, over=f"grid_excess_p95_{name}"),
            Bar(f"coverage_closed_{name}", ">=", 0.5),
            Bar(f"near_copies_{name}", "<=", 0, over=f"near_copies_heldout_{name}"),
            Bar(f"synthetic_only_{name}", ">=", 0.97),
            Bar(f"harm_{name}", ">=", -0.003, side="low"),
        ]
    for name, real_set in SETS.items():
        if real_set.primary:
            found += [
                Bar(f"closed_full_{name}", ">=", 0.6),
                Bar(f"over_rival_full_{name}", ">=", 0, side="low"),
                Bar(f"closed_adapted_{name}", ">=", 0.3),
                Bar(f"over_rival_adapted_{name}", ">=", 0, side="low"),
            ]
    return found


def _mean(arm: pd.DataFrame) -> Figure:
    return Figure(float(arm.to_numpy().mean()), "1", n=len(arm))


def _replaced(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    again = pd.MultiIndex.from_frame(rows[MADE]).unique()
    kept = table[~pd.MultiIndex.from_frame(table[MADE]).isin(again)]
    return pd.concat([kept, rows], ignore_index=True) if len(kept) else rows


def _room(few: pd.DataFrame, whole: pd.DataFrame) -> bool:
    """Whether there is a way to close that can be seen."""
    if whole.empty:
        return False
    way, error = distance(few, whole)
    return way > HEADROOM_ERRORS * error
