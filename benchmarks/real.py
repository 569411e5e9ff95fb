"""Pairs trained on 97 real chest X-rays: do they hold together, are they sharp, are they copies?

`python -m benchmarks.real --quick` draws pairs anew from the recorded checkpoint and scores them;
without `--quick` the checkpoint is trained first (hours on two cores) and recorded.
The data are the Montgomery County chest X-rays (`--source`, docs/sources.md says how laid out);
validation and test patients together are held out, and the judge learns from the train split.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.figures import Figure, show
from evaluation.metrics import Score, headlines
from evaluation.score import new_judge, score_version
from factory.models.checkpoints import checkpoint_digest, read_card
from factory.pairs import PairBatch
from factory.prompts import PromptGrid
from factory.sections import MedSegFactorySpec
from factory.sources.base import Source
from factory.training.medsegfactory import Lesson
from flows.recipe import Recipe, load_recipe

HERE = Path(__file__).parent
RECORDED = HERE / "recorded" / "cxr-lungs"
DATA = HERE.parents[1] / "shared" / "data" / "cxr_montgomery"
NAMES = {
    "consistency": "consistency",
    "consistency_closed": "consistency_closed",
    "constant_mask": "consistency_constant",
    "over_constant": "consistency_over_constant",
    "shuffled": "consistency_shuffled",
    "judge_real": "consistency_real",
    "sharpness": "sharpness",
    "ms_ssim": "ms_ssim",
    "ms_ssim_real": "ms_ssim_real",
    "ms_ssim_rank": "ms_ssim_rank",
    "near_copies": "memorised_share",
    "near_copies_heldout": "memorised_share_real",
}


def trained(spec: MedSegFactorySpec, recipe: Recipe, real: Source) -> float:
    """Trains the recipe's generator into `RECORDED`; returns the seconds it took."""
    began = time.monotonic()
    lesson = Lesson(
        train=real.read("train", recipe.image),
        held_out=real.read("val", recipe.image),
        domains=real.domains,
        image=recipe.image,
        source_digest=real.digest,
        licence=real.licence,
    )
    for _ in tqdm(spec.learn(lesson, RECORDED), desc="training", unit="step"):
        pass
    return time.monotonic() - began


def drawn(spec: MedSegFactorySpec, recipe: Recipe, real: Source) -> PairBatch:
    """All pairs of the recipe's grid, from the recorded checkpoint."""
    generator = spec.with_checkpoint(RECORDED).build(recipe.image)
    grid, batch = PromptGrid(recipe.grid, real.domains), spec.sample.batch
    starts: Iterable[int] = tqdm(range(0, len(grid), batch), desc="drawing", unit="batch")
    parts = []
    for start in starts:
        prompts = [grid[i] for i in range(start, min(start + batch, len(grid)))]
        parts.append(generator.generate(prompts, [prompt.seed for prompt in prompts]))
    return PairBatch.concatenate(parts)


def scored(pairs: PairBatch, recipe: Recipe, real: Source) -> dict[str, Score]:
    """Headline scores against the real train split and all real patients held out."""
    train = real.read("train", recipe.image)
    held_out = PairBatch.concatenate(
        [real.read("val", recipe.image), real.read("test", recipe.image)]
    )
    (name,) = real.domains
    judge, loop = new_judge(train, name, real.domains[name].classes, recipe.evaluate)
    for _ in tqdm(loop, desc="judge", total=recipe.evaluate.judge_steps, unit="step"):
        pass
    found = score_version(pairs, train, held_out, {name: judge}, recipe.evaluate)
    return headlines(found.scores)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="score the recorded checkpoint")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--source", type=Path, default=DATA, help="folder of the X-rays")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load_recipe("cxr-lungs", [f"source.path={arguments.source}"])
    real, spec = recipe.source.build(), recipe.generator
    if not isinstance(spec, MedSegFactorySpec):
        raise TypeError(f"recipe cxr-lungs has the generator {spec.kind}, not medsegfactory")
    seconds = None if arguments.quick else trained(spec, recipe, real)
    pairs = drawn(spec, recipe, real)
    scores = scored(pairs, recipe, real)
    figures = {name: Figure.of(scores[metric]) for name, metric in NAMES.items()}
    figures["pairs"] = Figure(float(np.count_nonzero(pairs.has_mask)), "1")
    card = read_card(RECORDED)
    notes = {
        "checkpoint": checkpoint_digest(RECORDED)[:12],
        "trained_with": "python -m benchmarks.real",
        "training_seconds": seconds or card.get("seconds"),
    }
    show("real", figures, notes, arguments.json)


if __name__ == "__main__":
    main()
