"""A closed loop against uniform prompts: does it pay to ask for pairs where the model fails?

`python -m benchmarks.loop` runs `medpair improve` on chest phantoms two of whose three findings are rare
among the real images, by Thompson's rule and uniformly, with equally many pairs, from three seeds, and
tests both on patients that no loop looked at. Half an hour on one core. `--nuclei DIR` runs it on nuclei
in colour too, whose stained kind is rare; their generator is trained first. `--quick` takes one seed and
short trainings, which say that everything works and not how well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.figures import Bar, Figure, show, verdicts
from evaluation.closed_loop.facets import facets_of
from evaluation.closed_loop.gain import gain_over, mean_over_facets
from evaluation.settings import LoopRule
from evaluation.utility.segmenter_test import MACRO, by_seed
from flows import api
from flows.datasets import Version
from flows.planning.recipe import Recipe, load_recipe, recipe_from
from tasks.services.settings import Settings

PHANTOM = "phantom-chest-xray"
RARE = ["normal"] * 6 + ["cardiomegaly", "pneumonia"]
ARMS = ("real", "annealed")
RECIPE: dict[str, Any] = {
    "format": 1,
    "name": "phantoms",
    "source": {
        "kind": "phantom",
        "domains": [PHANTOM],
        "findings": RARE,
        "train": 64,
        "val": 45,
        "test": 90,
    },
    "image": {"size": 64, "channels": 3},
    "generator": {
        "kind": "medsegfactory",
        "from": "packaged:phantoms",
        "sample": {"solver": "dpmpp-2m", "steps": 15, "guidance": 1.0, "batch": 16},
    },
    "grid": {"facets": {"finding": ["normal", "cardiomegaly", "pneumonia"]}, "replicates": 8},
    "evaluate": {
        "features": ["handcrafted"],
        "judge_steps": 300,
        "finding_classifier_steps": 0,
        "tstr": False,
    },
}


@dataclass(frozen=True)
class Effort:
    """How long a loop is run.

    Attributes:
        seeds: loops of each rule.
        rounds: of a loop.
        pairs: of a round.
        steps: of each segmenter; each arm has two.
    """

    seeds: int
    rounds: int
    pairs: int
    steps: int


FULL = Effort(seeds=3, rounds=3, pairs=48, steps=200)
QUICK = Effort(seeds=1, rounds=1, pairs=12, steps=20)


@dataclass(frozen=True)
class Loops:
    """Both rules on one set.

    Attributes:
        recipe: what the loops start from.
        effort: how long they run.
        settings: of the home.
        suffix: of the figures' names.
    """

    recipe: Recipe
    effort: Effort
    settings: Settings
    suffix: str = ""

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """What each rule reaches on test patients, and what the loop gains over uniform prompts.

        And what the pairs of either add to the same real images alone.
        """
        tested = {rule: self._levels(rule) for rule in get_args(LoopRule)}
        levels = {rule: arms["annealed"] for rule, arms in tested.items()}
        real = tested["uniform"]["real"]
        facets = self._facets(real)
        for name, dice in {"real": real, **levels}.items():
            level = mean_over_facets(dice, facets)
            yield f"dice_{name}{self.suffix}", Figure.estimated(level, "Dice")
        for rule, dice in levels.items():
            added = gain_over(real, dice, facets)
            yield f"pairs_gain_{rule}{self.suffix}", Figure.estimated(added, "Dice")
        gain = gain_over(levels["uniform"], levels["thompson"], facets)
        yield f"loop_gain{self.suffix}", Figure.estimated(gain, "Dice")

    def _levels(self, rule: LoopRule) -> dict[str, pd.DataFrame]:
        """Dice of every test case by arm, a column for each loop and seed of its segmenters."""
        found = [self._tested(rule, seed) for seed in range(self.effort.seeds)]
        return {
            kind: pd.concat([each[kind] for each in found], axis=1, ignore_index=True)
            for kind in ARMS
        }

    def _tested(self, rule: LoopRule, seed: int) -> dict[str, pd.DataFrame]:
        recipe = self.started(rule, seed)
        improved = api.improve(recipe, self.settings)
        # Both rules have made equally many pairs after equally many rounds.
        last = Version(recipe.name, improved.rounds[-1].version)
        tested = api.utility(last, self.settings, final=True)
        (file,) = tested.cases
        cases = pd.read_csv(file, dtype={"real": str})
        shown = cases[(cases["class"] == MACRO) & cases["shown"]]
        return {kind: by_seed(shown[shown["kind"] == kind]) for kind in ARMS}

    def started(self, rule: LoopRule, seed: int) -> Recipe:
        """What the loop of a rule and seed starts from."""
        effort = self.effort
        loop = {"rounds": effort.rounds, "pairs": effort.pairs, "floor": 2}
        content = self.recipe.model_dump(mode="json", by_alias=True)
        content["grid"]["seed"] = seed
        given = {
            "name": f"{self.recipe.name}-{rule}-{seed}",
            "gates": {},
            "improve": {**loop, "rule": rule, "seed": seed, "patience": None},
            "utility": {
                "arms": ARMS,
                "real": [16],
                "seeds": 2,
                "steps": effort.steps,
            },
        }
        return recipe_from({**content, **given}, (), self.recipe.name)

    def _facets(self, dice: pd.DataFrame) -> NDArray[np.object_]:
        held = self.recipe.source.build().read("test", self.recipe.image)
        return facets_of(held, ("domain", "finding"))[dice.index.get_level_values("case")]


def sets(nuclei: Path | None, effort: Effort, settings: Settings) -> Sequence[Loops]:
    """Phantoms; nuclei too where their folder is given."""
    found = [Loops(recipe_from(RECIPE, (), "phantoms"), effort, settings)]
    if nuclei is not None:
        recipe = load_recipe("nuclei", [f"source.path={nuclei}", "grid.replicates=16"])
        found.append(Loops(recipe, effort, settings, "_nuclei"))
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one seed, short trainings")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--nuclei", type=Path, help="folder of the nuclei")
    parser.add_argument("--seeds", type=int, default=FULL.seeds, help="loops of each rule")
    parser.add_argument("--home", type=Path, help="keeps what is made, to go on with")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    effort = QUICK if arguments.quick else replace(FULL, seeds=arguments.seeds)
    figures: dict[str, Figure] = {}
    with TemporaryDirectory() as folder:
        settings = Settings(home=(arguments.home or Path(folder)).absolute()).enter()
        chosen = sets(arguments.nuclei, effort, settings)
        for each in chosen:
            figures |= dict(each.figures())
    bars = [Bar(f"loop_gain{each.suffix}", ">=", 0, side="low") for each in chosen]
    show("loop", figures, {}, arguments.json, verdicts(bars, figures))


if __name__ == "__main__":
    main()
