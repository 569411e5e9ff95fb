"""One pair of a version, made again from its prompt and seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from factory.errors import InputError
from factory.pairs import PairBatch
from factory.places import check_empty, named_place
from factory.store.at_rest.repair import remade, same_pair
from factory.store.snapshot import Snapshot
from flows.datasets import Version
from flows.upkeep.rebuilt import generator_of, refuse_given
from tasks.services.progress import stage
from tasks.services.settings import Settings


@dataclass(frozen=True)
class Remade:
    """A pair that was made again.

    Attributes:
        version: that it is of.
        pair: its row.
        folder: holds image.png, and mask.png where the pair has a mask.
        same: whether it is the pair that was written, to the bit.
    """

    version: str
    pair: int
    folder: Path
    same: bool


def remake(version: Version, pair: int, folder: Path, settings: Settings) -> Remade:
    """Makes a pair again and writes it as PNG files.

    Raises:
        InputError: if there is no such pair, the folder is not empty, or what made it is gone.
    """
    check_empty(folder)
    snapshot = version.snapshot(settings)
    check_row(snapshot, pair)
    refuse_given(snapshot, np.array([pair]), "its pixels are in the store: export the version")
    with stage("making the pair again"):
        generator = generator_of(snapshot, settings)
        made = remade(snapshot, np.array([pair]), generator.generate)
    with named_place(folder):
        _write(made, folder)
    return Remade(str(version), pair, folder, same_pair(snapshot, pair, made))


def check_row(snapshot: Snapshot, row: int) -> None:
    """Whether a data set has this row.

    Raises:
        InputError: naming the rows that it has.
    """
    if row >= len(snapshot):
        last = len(snapshot) - 1
        has = f"its rows are 0 to {last}" if last >= 0 else "it has none"
        raise InputError(f"{snapshot.name} has no pair {row} at {snapshot.id}: {has}")


def _write(pair: PairBatch, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image = pair.images[0]
    picture = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(picture).save(folder / "image.png")
    if pair.has_mask[0]:
        Image.fromarray(pair.masks[0]).save(folder / "mask.png")
