"""What are pairs worth? `python -m benchmarks.worth` trains, draws and tests all, in many hours.

`--quick` computes every figure from the recorded tables and, where chest X-rays were recorded, draws and
trains one arm of theirs anew with the checkpoint that lies in the repository: its Dice must lie within what
was recorded for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import torch

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.worth.experiments import Experiment, experiments, start_of_adapted
from benchmarks.worth.measured import Worth, bars
from benchmarks.worth.protocol import ARMS, SETS
from benchmarks.xrays import DATA
from tasks.services.settings import Settings

REDRAWN = "cxr_montgomery"  # its checkpoint lies in the repository
SAME = 0.02  # Dice between trainings of one seed on two machines


def tried(chosen: Iterable[Experiment], settings: Settings) -> Worth:
    """Runs them one after the other."""
    found = [each.run(settings) for each in chosen]
    # Two experiments of one generator share its scores and an arm.
    tables = [pd.concat(parts, ignore_index=True) for parts in zip(*found, strict=True)]
    scores, cases = (table.drop_duplicates(ignore_index=True) for table in tables)
    return Worth(cases, scores)


def redrawn(worth: Worth, data: Path, settings: Settings) -> dict[str, Figure]:
    """One arm anew: few real images and pairs of the recorded checkpoint, seed 0."""
    few = SETS[REDRAWN].few[0]
    again = Experiment(REDRAWN, data / REDRAWN, "full", ("real", "annealed"), (few,))
    tables = {"recorded": worth, "redrawn": tried([again], settings)}
    arms = {
        key: each.dice(REDRAWN, "full", str(few), "annealed")[0] for key, each in tables.items()
    }
    return {
        f"{key}_{REDRAWN}": Figure(float(arm.mean()), "1", n=len(arm)) for key, arm in arms.items()
    }


def measured(arguments: argparse.Namespace, settings: Settings) -> Worth:
    """Trains, draws and tests what is asked for, and records it beside what was recorded before."""
    worth = Worth.recorded()
    adapted = "adapted" in arguments.generators and arguments.start is None
    start = start_of_adapted(arguments.data, settings) if adapted else arguments.start
    for name in arguments.sets:
        for generator in arguments.generators:
            chosen = list(experiments(name, generator, arguments.data, arguments.seeds, start))
            if chosen:
                worth = worth.with_rows_of(tried(chosen, settings))
                worth.save()
    return worth


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="recorded tables, and one arm anew")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--data", type=Path, default=DATA.parent, help="folder with a folder for each set"
    )
    parser.add_argument("--home", type=Path, default=Path(".medpair-worth"), help="of what is made")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--generators", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--start", type=Path, help="of adapted generators; else it is trained")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = Settings(home=arguments.home.absolute()).enter()
    wanted = list(bars())
    if arguments.quick:
        worth = Worth.recorded()
        if worth.cases.empty:
            parser.exit(
                2, "nothing is recorded yet: run python -m benchmarks.worth without --quick\n"
            )
        figures = worth.figures()
        if REDRAWN in set(worth.cases["set"]):
            figures |= redrawn(worth, arguments.data, settings)
            wanted += [
                Bar(f"redrawn_{REDRAWN}", sign, by, over=f"recorded_{REDRAWN}")
                for sign, by in ((">=", -SAME), ("<=", SAME))
            ]
    else:
        figures = measured(arguments, settings).figures()
    show(
        "worth",
        figures,
        {"protocol": "docs/protocol.md"},
        arguments.json,
        verdicts(wanted, figures),
    )


if __name__ == "__main__":
    main()
