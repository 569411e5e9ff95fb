"""Coherent stacks: do neighbours fit, do masks fit, and what do volumes add to a 3D network?

`python -m benchmarks.volumes --quick` takes the phantom volumes alone and short trainings, which say
that everything works and not how well; without it every set at hand is trained for hours.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.figures import Figure, show, verdicts
from benchmarks.volumes import DATA, FULL, QUICK, bars, sets
from factory.prompts.section import COHERENT


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="phantoms alone, trained shortly")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real sets")
    parser.add_argument(
        "--sets", nargs="*", default=[], help="only these: phantom, hippocampus, chaos"
    )
    parser.add_argument(
        "--coherence", type=float, default=COHERENT, help="slices over which noise becomes another"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder of the generators, which a rerun takes up"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    effort = QUICK if arguments.quick else FULL
    chosen = sets(arguments.data, effort, arguments.coherence)
    chosen = chosen[:1] if arguments.quick else chosen
    chosen = [each for each in chosen if each.name in (arguments.sets or [each.name])]
    figures: dict[str, Figure] = {}
    with TemporaryDirectory() as folder:
        for each in chosen:
            figures |= dict(each.figures((arguments.keep or Path(folder)) / each.name))
    show("volumes", figures, {}, arguments.json, verdicts(bars(chosen), figures))


if __name__ == "__main__":
    main()
