"""Did the generator leave a grid? Autoencoders, patches and upsampling do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.pairs import units_of

_METRICS = {
    "grid_excess": Metric(
        "1",
        False,
        2,
        "Power at the harmonics of a cell size, 2 to 16 px, over that of their neighbours in "
        "frequency, in decades: the greatest mean over images of all cell sizes. About 0 without "
        "a grid; 1 is ten times the power.",
        ("grid_excess_real", "grid_excess_real_p95"),
        section="fidelity",
    ),
    "grid_excess_real": Metric("1", None, 1, "The same of real held-out images."),
    "grid_excess_real_p95": Metric(
        "1",
        None,
        1,
        "What as many other real images as there are synthetic ones would exceed once in twenty "
        "times: of sets of real images (training and held-out), drawn by patients.",
    ),
}


def _measure(context: ScoringContext) -> Iterator[Reading]:
    from evaluation.fidelity.grid import grid_excess, grid_excess_p95, grid_excesses

    sets = context.synthetic, context.held_out, context.train
    ours, held_out, train = (grid_excesses(pairs.images) for pairs in sets)
    own, theirs, learned = (units_of(pairs) for pairs in sets)
    # No patient is both trained on and held out, whatever their numbers.
    units = np.concatenate([theirs, learned + len(theirs)])
    real, seed = np.concatenate([held_out, train]), context.seed
    estimates = {
        "grid_excess": grid_excess(ours, own, seed=seed),
        "grid_excess_real": grid_excess(held_out, theirs, seed=seed),
        "grid_excess_real_p95": grid_excess_p95(real, units, len(ours), seed=seed),
    }
    for name, estimate in estimates.items():
        yield Reading(name, estimate, {"seed": seed})


GRID = Family(_METRICS, _measure)
