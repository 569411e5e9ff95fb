"""`python -m benchmarks.open_128`: every domain of a checkpoint of six open sets, then forty images of another.

`medpair train open-128` makes the checkpoint.
`--pictures` names a folder for contact sheets.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.figures import Figure, show
from benchmarks.open_128.domains import Domains, open_recipe
from benchmarks.open_128.starts import STARTS, UNSEEN, of_each
from benchmarks.xrays import DATA
from evaluation.report.image_sheets import contact_sheet
from factory.models.checkpoints import checkpoint_digest
from factory.pairs import PairBatch

Classes = Mapping[str, Sequence[str]]
PARTS = ("domains", "starts")
QUICK, FULL = 32, 128  # pairs of each


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pairs each, not {FULL}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=list(STARTS))
    parser.add_argument("--data", type=Path, default=DATA.parent, help="a folder for each set")
    parser.add_argument("--home", type=Path, default=Path(".medpair-open"), help="of trainings")
    parser.add_argument("--pictures", type=Path, help="folder to write contact sheets to")
    parser.add_argument("--checkpoint", type=Path, required=True, help="of recipe open-128")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    count = QUICK if arguments.quick else FULL
    figures: dict[str, Figure] = {}
    if "domains" in arguments.parts:
        made: list[PairBatch] = []
        known: dict[str, Sequence[str]] = {}
        checked = Domains(open_recipe(arguments.data), arguments.checkpoint)
        for domain, pairs, found in checked.of_each(count):
            figures |= {f"{key}_{domain.name}": figure for key, figure in found.items()}
            known[domain.name] = domain.classes
            made.append(pairs)
        _picture(arguments.pictures, "open-128", PairBatch.concatenate(made), known)
    if "starts" in arguments.parts:
        folder = arguments.data / UNSEEN
        begun = of_each(folder, arguments.home, count, arguments.checkpoint, arguments.starts)
        for name, domain, pairs, found in begun:
            figures |= {f"{key}_{name}": figure for key, figure in found.items()}
            classes = {domain.name: domain.classes}
            _picture(arguments.pictures, f"forty-{name}", pairs, classes)
    notes = {"checkpoint": checkpoint_digest(arguments.checkpoint)[:12]}
    show("open_128", figures, notes, arguments.json)


def _picture(folder: Path | None, name: str, pairs: PairBatch, classes: Classes) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(contact_sheet(pairs, classes).png)


if __name__ == "__main__":
    main()
