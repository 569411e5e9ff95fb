"""Pairs trained on 97 real chest X-rays: do they hold together, are they sharp, are they copies?

`python -m benchmarks.real --quick` draws pairs anew from the recorded checkpoint and scores them;
without `--quick` the checkpoint is trained first (hours on two cores) and recorded. `--pictures`
names a folder for the contact sheet, the best and worst pairs and the nearest training images.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.conditioning import section_of
from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.xrays import DATA, RECORDED, XRays
from evaluation.agreement.judge_agreement import judged
from evaluation.metrics.registry import headlines
from evaluation.report.image_sheets import contact_sheet, extremes, nearest_training
from evaluation.scoring.version import VersionScores
from factory.generators.medsegfactory import MedSegFactory
from factory.models.checkpoints import checkpoint_digest, read_card
from factory.pairs import PairBatch
from factory.training.augmentation import augment

SEED = 7  # of the variants
NAMES = {
    "consistency": "consistency",
    "consistency_closed": "consistency_closed",
    "constant_mask": "consistency_constant",
    "over_constant": "consistency_over_constant",
    "shuffled": "consistency_shuffled",
    "judge_real": "consistency_real",
    "sharpness": "sharpness",
    "grid_excess": "grid_excess",
    "grid_excess_p95": "grid_excess_real_p95",
    "contour_gradient": "contour_gradient",
    "recall_closed": "recall_closed",
    "coverage_closed": "coverage_closed",
    "ms_ssim": "ms_ssim",
    "ms_ssim_real": "ms_ssim_real",
    "ms_ssim_rank": "ms_ssim_rank",
    "near_copies": "memorised_share",
    "near_copies_heldout": "memorised_share_real",
}
BARS = (
    Bar("consistency", ">=", 0.90),
    Bar("over_constant", ">=", 0.10),
    Bar("consistency_closed", ">=", 0.95),
    Bar("sharpness", ">=", 0.85),
    Bar("sharpness", "<=", 1.15),
    Bar("grid_excess", "<=", 0, over="grid_excess_p95"),
    Bar("coverage_closed", ">=", 0.5),
    Bar("ms_ssim_rank", ">=", 0.025),
    Bar("ms_ssim_rank", "<=", 0.975),
    Bar("near_copies", "<=", 0, over="near_copies_heldout"),
    Bar("ceiling", ">=", 0.97),
)


def trained(xrays: XRays) -> float:
    """Trains the recipe's generator into `RECORDED`; returns the seconds it took."""
    began = time.monotonic()
    for _ in tqdm(xrays.spec.learn(xrays.training_data(), RECORDED), desc="training", unit="step"):
        pass
    return time.monotonic() - began


def redrawn(xrays: XRays, generator: MedSegFactory, pairs: PairBatch) -> PairBatch:
    """Pairs through the autoencoder and back: what decoders draw where coarse pictures are right."""
    images, masks = generator.reconstruct(xrays.domain.name, pairs.images, pairs.masks)
    return replace(pairs, images=images, masks=masks)


def varied(xrays: XRays) -> PairBatch:
    """One variant of each training pair, as the denoiser sees them."""
    real, spec = xrays.train, section_of(xrays.recipe).augment
    moved = augment(real.images, real.masks, spec, torch.Generator().manual_seed(SEED))
    return replace(real, images=moved[0], masks=moved[1])


def ceiling(xrays: XRays, generator: MedSegFactory) -> float:
    """What the autoencoder leaves of the judge's Dice on real held-out pairs, as a share of it.

    Images and masks both go through it. No pair of this generator can agree better.
    """
    real = xrays.held_out
    copies = redrawn(xrays, generator, real)
    before, after = (judged(pairs, xrays.judge)[0].mean() for pairs in (real, copies))
    return float(after / before)


def coverage(xrays: XRays, pairs: PairBatch) -> Figure:
    """Share of held-out films near these, as a share of what real pairs reach."""
    return Figure.of(headlines(xrays.scored(pairs).scores)["coverage_closed"])


def pictured(xrays: XRays, pairs: PairBatch, found: VersionScores, folder: Path) -> None:
    """Writes a contact sheet, the extremes and the nearest training images, as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = {xrays.domain.name: xrays.domain.classes}
    table = found.pairs
    pictures = (
        contact_sheet(pairs, classes),
        extremes(pairs, table["dice"].to_numpy()),
        nearest_training(pairs, xrays.train, table),
    )
    for picture in pictures:
        (folder / f"{picture.name}.png").write_bytes(picture.png)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="score the recorded checkpoint")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--source", type=Path, default=DATA, help="folder of the X-rays")
    parser.add_argument("--pictures", type=Path, help="folder to write pictures of the pairs to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    xrays = XRays.at(arguments.source)
    seconds = None if arguments.quick else trained(xrays)
    generator = xrays.spec.with_checkpoint(RECORDED).build(xrays.recipe.image)
    pairs = xrays.drawn(generator)
    found = xrays.scored(pairs)
    if arguments.pictures:
        pictured(xrays, pairs, found, arguments.pictures)
    scores = headlines(found.scores)
    figures = {name: Figure.of(scores[metric]) for name, metric in NAMES.items()}
    figures["ceiling"] = Figure(ceiling(xrays, generator), "1", n=len(xrays.held_out))
    for name, real in (("redrawn", xrays.train), ("variants", varied(xrays))):
        figures[f"coverage_{name}"] = coverage(xrays, redrawn(xrays, generator, real))
    figures["pairs"] = Figure(float(np.count_nonzero(pairs.has_mask)), "1")
    card = read_card(RECORDED)
    notes = {
        "checkpoint": checkpoint_digest(RECORDED)[:12],
        "trained_with": "python -m benchmarks.real",
        "training_seconds": seconds or card.get("seconds"),
    }
    show("real", figures, notes, arguments.json, verdicts(BARS, figures))


if __name__ == "__main__":
    main()
