"""Generators of the protocol, the pairs they make, and the segmenters that learn from these."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.open_128.domains import OPEN, open_recipe
from benchmarks.worth.protocol import (
    ARMS,
    LEARNT_FROM_FEW,
    PAIRS,
    SETS,
    WITHHELD,
    GeneratorKind,
    RealSet,
)
from flows import api
from flows.build import Outcome
from flows.datasets import Version
from flows.planning.recipe import Recipe, load_recipe
from tasks.services.settings import Settings

CASES = ["set", "generator", "real", "seed", "kind", "unit", "case", "dice", "nsd", "missed"]


@dataclass(frozen=True)
class Experiment:
    """One generator, and segmenters with and without its pairs.

    Attributes:
        name: of the set, a key of `SETS`.
        data: folder of that set.
        generator: what it has seen.
        arms: kinds of arm.
        real: numbers of real images that segmenters learn from.
        seeds: repeats of every segmenter.
        few: how many real images there are for generator and segmenters; None for all.
        draw: which ones, where they are few.
        start: checkpoint that an adapted generator starts from.
    """

    name: str
    data: Path
    generator: GeneratorKind
    arms: Sequence[str]
    real: Sequence[int | str] = ("all",)
    seeds: int = 1
    few: int | None = None
    draw: int = 0
    start: Path | None = None

    @property
    def real_set(self) -> RealSet:
        """How segmenters learn from its set."""
        return SETS[self.name]

    @property
    def recipe(self) -> Recipe:
        """What makes the pairs, whatever they are like; utility is measured apart."""
        given = (f"source.path={self.data}", "utility=null", "gates={}")
        return load_recipe(self.real_set.recipe, [*given, *self._generator()])

    def run(self, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Makes the pairs and tries them; goes on where an earlier attempt stopped.

        Returns:
            Scores of the pairs (set, generator, real, seed, score, value, low, high, n), and tested
            cases of all arms, with the columns `CASES`.
        """
        outcome = api.run(self.recipe, settings)
        version = Version(outcome.dataset, outcome.version or outcome.snapshot)
        found = api.utility(version, settings, overrides=self._utility())
        (file,) = found.cases
        return self._scores(outcome), self._cases(pd.read_csv(file, dtype={"real": str}))

    def _generator(self) -> Sequence[str]:
        """Overrides that say what the generator has seen."""
        if self.generator == "full":
            recorded = self.real_set.recorded
            return (
                () if recorded is None else (f"generator.from={recorded}", "generator.train=null")
            )
        start = () if self.start is None else (f"generator.from={self.start}",)
        return (
            f"name={self.real_set.recipe}-{self.generator}-{self.few}-{self.draw}",
            f"source.limit={self.few}",
            f"source.limit_seed={self.draw}",
            f"grid.replicates={PAIRS // self.real_set.kinds}",
            *start,
            *LEARNT_FROM_FEW,
        )

    def _utility(self) -> Sequence[str]:
        return (
            f"utility.arms={json.dumps(self.arms)}",
            f"utility.real={json.dumps(self.real)}",
            f"utility.seeds={self.seeds}",
            f"utility.steps={self.real_set.steps}",
        )

    def _scores(self, outcome: Outcome) -> pd.DataFrame:
        names = ("value", "low", "high", "n")
        rows = [
            {"score": score, **{name: getattr(found, name) for name in names}}
            for score, found in outcome.scores.items()
        ]
        return pd.DataFrame(rows).assign(**self._marks)

    def _cases(self, cases: pd.DataFrame) -> pd.DataFrame:
        shown = cases[(cases["class"] == "macro") & cases["shown"]].fillna({"real": ""})
        marks = (
            self._marks if self.few is not None else {"set": self.name, "generator": self.generator}
        )
        return shown.assign(**marks)[CASES].round({"dice": 4, "nsd": 4})

    @property
    def _marks(self) -> dict[str, str | int]:
        """What marks rows of this generator; of few images, which ones stands in for the seed."""
        real = "all" if self.few is None else str(self.few)
        return {"set": self.name, "generator": self.generator, "real": real, "seed": self.draw}


def experiments(
    name: str, generator: GeneratorKind, data: Path, seeds: int, start: Path | None
) -> Iterator[Experiment]:
    """Those of one set and kind of generator; of few real images only at the smaller number.

    Args:
        name: of the set.
        generator: what it has seen.
        data: folder that holds a folder for each set.
        seeds: repeats.
        start: checkpoint that adapted generators start from.
    """
    place, arms, few = data / name, ARMS[generator], SETS[name].few
    if generator == "full":
        yield Experiment(name, place, generator, arms, (*few, "all"), seeds)
        # A search costs nine trainings: only where harm is asked for.
        yield Experiment(name, place, generator, ("real", "searched"), ("all",), min(seeds, 3))
    elif SETS[name].primary:
        begin = start if generator == "adapted" else None
        for draw in range(seeds):
            yield Experiment(name, place, generator, arms, few=few[0], draw=draw, start=begin)


def start_of_adapted(data: Path, settings: Settings) -> Path:
    """A checkpoint of the open sets that has seen none of those it is adapted to; trained once.

    Args:
        data: folder that holds a folder for each set.
        settings: of the home.
    """
    checkpoint = api.train(open_recipe(data, "name=open-four", without=WITHHELD), settings)
    if checkpoint is None:
        raise TypeError(f"recipe {OPEN} trains nothing")
    return checkpoint
