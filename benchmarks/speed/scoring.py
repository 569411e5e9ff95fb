"""A version scored with every default score: seconds and memory, and how both grow with it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.figures import Bar, Figure

FEW, MORE, MANY = 500, 2000, 10_000
BARS = (Bar("scoring_seconds_10k", "<=", 120), Bar("scoring_gib_10k", "<=", 1.5))


def figures(few: int = FEW, more: int = MORE) -> dict[str, Figure]:
    """Of two sizes, each in a process of its own, and of 10 000 pairs if both go on growing so."""
    small, large = (_measured(count) for count in (few, more))
    found: dict[str, Figure] = {}
    for name, unit in (("seconds", "s"), ("gib", "GiB")):
        growth = (large[name] - small[name]) / (more - few)
        found |= {
            f"scoring_{name}_{few}": Figure(small[name], unit, n=few),
            f"scoring_{name}_{more}": Figure(large[name], unit, n=more),
            f"scoring_{name}_10k": Figure(large[name] + growth * (MANY - more), unit, n=more),
        }
    return found


def _measured(count: int) -> Mapping[str, float]:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.scoring", str(count)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    found: Mapping[str, float] = json.loads(run.stdout)
    return found


def scored(count: int) -> Mapping[str, float]:
    """Processor time of the scores and the peak of memory, that of the pairs included.

    The judge learns for a few steps only: what its training takes does not depend on the pairs.
    """
    import torch

    from benchmarks.evaluation import PHANTOMS, peak_gib
    from evaluation.scoring.judges import new_judge
    from evaluation.scoring.version import score_version
    from evaluation.settings import EvaluateSection
    from factory.images import ImageSection
    from factory.sources.phantom import PhantomSource

    torch.set_num_threads(1)
    image, section = ImageSection(size=128), EvaluateSection(judge_steps=20)
    made = PhantomSource(domains=(PHANTOMS[1],), train=count).build().read("train", image)
    real = PhantomSource(domains=(PHANTOMS[1],), train=256, val=64, seed=1).build()
    train, held_out = real.read("train", image), real.read("val", image)
    (known,) = real.domains.values()
    judge, loop = new_judge(train, known.name, known.classes, section)
    for _ in loop:
        pass
    began = time.process_time()
    score_version(made, train, held_out, {known.name: judge}, section)
    return {"seconds": time.process_time() - began, "gib": peak_gib()}


if __name__ == "__main__":
    print(json.dumps(scored(int(sys.argv[1]))))
